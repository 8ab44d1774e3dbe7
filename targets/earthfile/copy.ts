import { staticText } from '../../src/ir/expand.ts';
import type { Copy, RepositorySource, Source } from '../../src/ir/ir.ts';
import { directoryOf, joinPath, resolveSource } from '../../src/ir/sources.ts';
import { guestPath, type Scope } from '../../src/ir/walk.ts';
import { argumentWord, literalWord, sourceWords } from '../shell/quote.ts';
import { inMachine } from './places.ts';

type RepoPath = ReturnType<typeof directoryOf>;

/** Where a COPY stands. */
export interface CopyPlace {
  readonly scope: Scope;
  readonly repository: RepositorySource;
  /** Whether a user beside root is in sight. */
  readonly users: boolean;
}

/** A COPY: Earthly's own commands, and what layer-sh has to do afterwards (null: nothing). */
export interface CopyPlan {
  readonly lines: readonly string[];
  readonly call: string | null;
}

/** What both Earthly and a shell take as one word, and no reference to a target. */
const plainPath = /^[A-Za-z0-9_./@%=,-]*$/;

/**
 * COPY by Earthly alone where it does the same: fixed files and directories, all but one with a `/` behind the destination, and no user
 * but root in sight (Earthly does not give the group the owner's rights). Otherwise Earthly puts the sources below /layer/repo, and layer-sh
 * copies from there.
 */
export function planCopy(step: Copy, place: CopyPlace): CopyPlan {
  return (place.users ? null : directCopy(step, place)) ?? stagedCopy(step, place);
}

function directCopy(step: Copy, { scope, repository }: CopyPlace): CopyPlan | null {
  const written = staticText(step.destination);
  const destination = guestPath(scope, written);
  if (written === null || destination === null || !plainPath.test(destination)) return null;
  const sources: RepoPath[] = [];
  for (const source of step.sources) {
    const path = fixedPath(step, source);
    if (path === null || !plainPath.test(path)) return null;
    sources.push(inRoot(repository, path));
  }
  const isDirectory = /(^|\/)\.{0,2}$/.test(written);
  const [only] = sources;
  if (sources.length === 1 && only !== undefined) {
    // Without a `/`, only the root is known to be a directory: a file would not go into a directory that is there.
    if (!isDirectory && only !== '') return null;
    return { lines: [`COPY ${only === '' ? '.' : only} ${slashed(destination)}`], call: null };
  }
  if (sources.includes('' as RepoPath)) return null;
  return { lines: [`COPY --dir ${sources.join(' ')} ${slashed(destination)}`], call: null };
}

function stagedCopy(step: Copy, { repository }: CopyPlace): CopyPlan {
  const staged = new Map<string, string[]>();
  for (const source of step.sources) {
    const path = inRoot(repository, safePrefix(fixedPrefix(step, source)));
    const directory = path === '' ? '' : directoryOf(path);
    staged.set(directory, [...new Set([...(staged.get(directory) ?? []), path === '' ? '.' : path])]);
  }
  const everything = staged.get('')?.includes('.') === true;
  const lines = everything
    ? [`COPY . ${inMachine.repository}/`]
    : [...staged].map(
        ([directory, paths]) => `COPY --dir ${paths.join(' ')} ${slashed(`${inMachine.repository}/${directory}`)}`,
      );
  const words = [
    literalWord(rootOf(repository)),
    literalWord(step.from),
    argumentWord(step.destination),
    ...step.sources.flatMap(sourceWords),
  ];
  return { lines, call: `copy ${words.map((word) => (word === '' ? "''" : word)).join(' ')}` };
}

function rootOf(repository: RepositorySource): RepoPath {
  return repository.kind === 'vendored' ? repository.root : ('' as RepoPath);
}

function inRoot(repository: RepositorySource, path: RepoPath): RepoPath {
  const root = rootOf(repository);
  return root === '' ? path : path === '' ? root : joinPath(root, path);
}

function slashed(path: string): string {
  return path.endsWith('/') ? path : `${path}/`;
}

/** The repository's path that a source names; null where it is a glob or holds a variable. */
function fixedPath(step: Copy, source: Source): RepoPath | null {
  const text = staticText(source.path);
  if (text === null || source.glob) return null;
  const resolved = resolveSource(step.from, text);
  return resolved === 'outside' ? null : resolved.path;
}

/** The part of a source's path above its first wildcard or variable. */
function fixedPrefix(step: Copy, source: Source): RepoPath {
  const fixed = fixedPath(step, source);
  if (fixed !== null) return fixed;
  const [first] = source.path.parts;
  const text = typeof first === 'string' ? first : '';
  const clear = source.glob ? text.replace(/[\\*?[].*$/s, '') : text;
  const resolved = resolveSource(step.from, clear.replace(/[^/]*$/, ''));
  const whole = resolveSource(
    step.from,
    source.path.parts.map((part) => (typeof part === 'string' ? part : 'x')).join(''),
  );
  // A `..` behind a wildcard leads out of the prefix.
  return resolved === 'outside' || whole === 'outside' || /\.\./.test(text.slice(clear.length))
    ? ('' as RepoPath)
    : resolved.path;
}

/** The nearest directory around a path whose name needs no quotes. */
function safePrefix(path: RepoPath): RepoPath {
  return plainPath.test(path) ? path : safePrefix(directoryOf(path));
}
