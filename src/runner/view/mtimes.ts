import { hash } from 'node:crypto';
import type { RepoPath } from '../../host.ts';

/** What a saved state knows of its files and links: path → [what it is, nanoseconds since 1970 in decimal]. */
export type ShownMtimes = Readonly<Record<string, readonly [what: string, mtimeNs: string]>>;

/**
 * The mtimes of persistent mtime mode: a file that has the content it had in every saved state that knows it keeps the newest of their mtimes; any
 * other, also one that went back to an older content, was written when the run started. So tools that compare mtimes see each change as one, also where
 * a CACHE was saved after another content than the snapshot below it. Files that are new in the same run are written in the same millisecond, not at the same
 * instant: tools that tell contents apart by time and size may meet two of them at one place, where two Layerfiles share a CACHE.
 */
export function carryMtimes(
  previous: readonly ShownMtimes[],
  startedNs: bigint,
): (path: RepoPath, what: string) => bigint {
  const now = (path: RepoPath, what: string): bigint => startedNs + instant(path, what);
  return (path, what) => {
    let newest: bigint | null = null;
    for (const state of previous) {
      const known = Object.hasOwn(state, path) ? state[path] : undefined;
      if (known === undefined) continue;
      if (known[0] !== what) return now(path, what);
      const mtimeNs = BigInt(known[1]);
      if (newest === null || mtimeNs > newest) newest = mtimeNs;
    }
    return newest ?? now(path, what);
  };
}

/** Nanoseconds after the run's start, about a millisecond at most: another for another file or content. */
function instant(path: RepoPath, what: string): bigint {
  return BigInt(Number.parseInt(hash('sha1', `${path}\0${what}`).slice(0, 5), 16));
}
