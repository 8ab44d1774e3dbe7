import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/near.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import type { ReadFailure, RepoPath, RepoReader } from '../host.ts';
import { isWithin, joinPath } from '../ir/sources.ts';

/** Reads a text file of the repository; null where that cannot be done, and why not is reported. */
export function readText(repo: RepoReader, path: RepoPath, report: (found: Diagnostic) => void): SourceFile | null {
  const nothing = { file: { path, text: '' }, start: 0, end: 0 };
  const content = repo.read(path);
  if ('failure' in content) {
    if (repo.kind(path) === 'directory') report(diagnostic('file/is-directory', nothing, {}));
    else if (content.failure === 'outside') {
      report(diagnostic('file/link-outside', nothing, { target: repo.link(path) ?? 'somewhere else' }));
    } else report(diagnostic('file/unreadable', nothing, { why: whyUnreadable(content.failure, repo.link(path)) }));
    return null;
  }
  try {
    return { path, text: strictDecoder.decode(content.bytes) };
  } catch {
    const text = looseDecoder.decode(content.bytes);
    const start = Math.max(0, text.indexOf('\uFFFD'));
    const span = { file: { path, text }, start, end: Math.min(text.length, start + 1) };
    report(diagnostic('file/not-utf8', span, { what: encodingOf(content.bytes, text.slice(0, start)) }));
    return null;
  }
}

/** What bytes that are not UTF-8 are instead, as far as a look at them tells; `before`: the text up to the first wrong one. */
function encodingOf(bytes: Uint8Array, before: string): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return 'UTF-16';
  if (bytes.subarray(0, 8000).includes(0)) return 'no text';
  return `not UTF-8 (byte ${Buffer.byteLength(before) + 1} is the first that is not)`;
}

function whyUnreadable(failure: ReadFailure, target: string | null): string {
  if (target === null) return failureText(failure);
  if (failure === 'absent') return `it is a link to ${target}, where nothing is`;
  if (failure === 'failed') return `it is a link to ${target}, which leads nowhere in the end`;
  return `it is a link to ${target}: ${failureText(failure)}`;
}

/** Why a file could not be read, in words. */
export function failureText(failure: ReadFailure): string {
  switch (failure) {
    case 'absent':
      return 'nothing is there';
    case 'denied':
      return 'permission denied';
    case 'not-a-file':
      return 'it is not a file';
    case 'outside':
      return 'it leads out of the repository';
    case 'failed':
      return 'the system reported an error';
  }
}

/**
 * The Layerfiles that paths of the command line select: a Layerfile, or a directory and all Layerfiles in it.
 * A path that selects none is reported, as `showPath` names it.
 */
export function selectLayerfiles({
  all,
  only,
  showPath,
  report,
}: {
  readonly all: readonly RepoPath[];
  readonly only: readonly RepoPath[];
  readonly showPath: (path: string) => string;
  readonly report: (found: Diagnostic) => void;
}): ReadonlySet<RepoPath> {
  const selected = new Set<RepoPath>();
  for (const path of only) {
    const found = all.filter((one) => isWithin(path, one));
    for (const one of found) selected.add(one);
    if (found.length > 0) continue;
    const candidates = all.flatMap((one) => [one, one.replace(/\/?Layerfile$/, '')]);
    const near = nearest(path, candidates);
    report(
      diagnostic('file/no-such-layerfile', null, { path: showPath(path), near: near === null ? null : showPath(near) }),
    );
  }
  return selected;
}

/** The Layerfile that a path of FROM or WAIT stands for: itself, or the one in that directory; null where there is none. */
export function layerfileAt(repo: RepoReader, path: RepoPath): RepoPath | null {
  const candidates =
    path === 'Layerfile' || path.endsWith('/Layerfile')
      ? [path, joinPath(path, 'Layerfile')]
      : [joinPath(path, 'Layerfile')];
  return candidates.find((one) => isFile(repo, one)) ?? null;
}

/** Whether something that can be read stands there; a link counts, for reading says what is wrong with it. */
export function isFile(repo: RepoReader, path: RepoPath): boolean {
  const kind = repo.kind(path);
  return kind === 'file' || kind === 'link';
}

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const looseDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
