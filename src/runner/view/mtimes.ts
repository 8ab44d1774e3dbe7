import { hash } from 'node:crypto';
import type { RepoPath } from '../../host.ts';
import type { RepoTree } from './tree.ts';

/** What a saved state knows of its files and links: path → [what it is, nanoseconds since 1970 in decimal]. */
export type ShownMtimes = Readonly<Record<string, readonly [what: string, mtimeNs: string]>>;

/**
 * The mtimes of persistent mtime mode: a file that had the content it has in every saved state keeps the newest of their mtimes; any other, also one that
 * went back to an older content or was not there for a while, was written when the run started. So tools that compare mtimes see each change as one, also
 * where a CACHE was saved after another content than the snapshot below it. So do those that `gone` (see `namesGone`) may have hidden until now: where
 * COPYs lie over each other, they are new where they show. Files that are new in the same run are written in the same millisecond, not at the same
 * instant: tools that tell contents apart by time and size may meet two of them at one place, where two Layerfiles share a CACHE.
 */
export function carryMtimes(
  previous: readonly ShownMtimes[],
  { startedNs, gone }: { readonly startedNs: bigint; readonly gone: ReadonlySet<string> },
): (path: RepoPath, what: string) => bigint {
  const now = (path: RepoPath, what: string): bigint => startedNs + instant(path, what);
  const wasHidden = (path: RepoPath): boolean => gone.size > 0 && path.split('/').some((name) => gone.has(name));
  return (path, what) => {
    let newest: bigint | null = null;
    for (const state of previous) {
      const known = Object.hasOwn(state, path) ? state[path] : undefined;
      if (known?.[0] !== what) return now(path, what);
      const mtimeNs = BigInt(known[1]);
      if (newest === null || mtimeNs > newest) newest = mtimeNs;
    }
    return newest === null || wasHidden(path) ? now(path, what) : newest;
  };
}

/** Stands for what a path is that is no longer there. */
const isGone = 'gone';

/** The table of a state in which nothing is left: whatever comes back is new. */
export function withoutFiles(state: ShownMtimes): ShownMtimes {
  return Object.fromEntries(
    Object.entries(state).map(([path, known]) => [path, known[0] === 'directory' ? known : [isGone, '0']]),
  );
}

/** Names of files and links that saved states knew somewhere in a tree and that are no longer there. What has such a name elsewhere may have lain below them. */
export function namesGone(tree: Pick<RepoTree, 'entry'>, previous: readonly ShownMtimes[]): readonly string[] {
  return previous.flatMap((state) =>
    Object.entries(state).flatMap(([path, [what]]) => {
      if (what === 'directory' || what === isGone) return [];
      const kind = tree.entry(path as RepoPath)?.kind ?? 'directory';
      return kind === 'directory' ? [path.slice(path.lastIndexOf('/') + 1)] : [];
    }),
  );
}

/** Nanoseconds after the run's start, about a millisecond at most: another for another file or content. */
function instant(path: RepoPath, what: string): bigint {
  return BigInt(Number.parseInt(hash('sha1', `${path}\0${what}`).slice(0, 5), 16));
}
