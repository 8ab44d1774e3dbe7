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
    } else report(diagnostic('file/unreadable', nothing, { why: failureText(content.failure) }));
    return null;
  }
  try {
    return { path, text: strictDecoder.decode(content.bytes) };
  } catch {
    const text = looseDecoder.decode(content.bytes);
    const start = Math.max(0, text.indexOf('\uFFFD'));
    const span = { file: { path, text }, start, end: Math.min(text.length, start + 1) };
    report(diagnostic('file/not-utf8', span, { byte: Buffer.byteLength(text.slice(0, start)) + 1 }));
    return null;
  }
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
 * A path that selects none is reported.
 */
export function selectLayerfiles(
  all: readonly RepoPath[],
  only: readonly RepoPath[],
  report: (found: Diagnostic) => void,
): ReadonlySet<RepoPath> {
  const selected = new Set<RepoPath>();
  for (const path of only) {
    const found = all.filter((one) => isWithin(path, one));
    for (const one of found) selected.add(one);
    if (found.length > 0) continue;
    const candidates = all.flatMap((one) => [one, one.replace(/\/?Layerfile$/, '')]);
    report(diagnostic('file/no-such-layerfile', null, { path, near: nearest(path, candidates) }));
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
