import type { RepoPath } from '../../host.ts';

/** What a saved state knows of its files: path → [git blob hash, nanoseconds since 1970 in decimal]. */
export type ShownMtimes = Readonly<Record<string, readonly [digest: string, mtimeNs: string]>>;

/**
 * The mtimes of persistent mtime mode: a file that has the content it had in every saved state that knows it keeps the newest of their mtimes; any
 * other, also one that went back to an older content, was written when the run started. So tools that compare mtimes see each change as one, also where
 * a CACHE was saved after another content than the snapshot below it.
 */
export function carryMtimes(
  previous: readonly ShownMtimes[],
  startedNs: bigint,
): (path: RepoPath, digest: string) => bigint {
  return (path, digest) => {
    let newest: bigint | null = null;
    for (const state of previous) {
      const known = Object.hasOwn(state, path) ? state[path] : undefined;
      if (known === undefined) continue;
      if (known[0] !== digest) return startedNs;
      const mtimeNs = BigInt(known[1]);
      if (newest === null || mtimeNs > newest) newest = mtimeNs;
    }
    return newest ?? startedNs;
  };
}
