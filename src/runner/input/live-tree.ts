import type { Clock, RepoPath } from '../../host.ts';
import { directoryOf, joinPath } from '../../ir/sources.ts';
import type { RepoTree, TreeEntry } from '../view/tree.ts';
import { hashFile, listPath, pathIn, readLink, sameContent, statPath } from './disk.ts';
import type { DiskStat } from './disk.ts';
import type { GitIndex } from './git-index.ts';
import type { LookRecorder } from './look.ts';
import type { TreeRules } from './rules.ts';
import { isSettled, type StatCache } from './stat-cache.ts';

export interface LiveTreeOptions {
  /** The repository's root: absolute, no link in it. */
  readonly root: string;
  readonly rules: TreeRules;
  readonly stats: StatCache;
  /** A second source of hashes, asked before a large file is read; null where there is none. */
  readonly index: GitIndex | null;
  readonly clock: Clock;
  /** Told what is seen of the disk; null where nobody wants to know. */
  readonly recorder: LookRecorder | null;
  /** The root's file system dates a directory anew with each change of the names in it; nothing is known of others that are mounted below. */
  readonly directoryTimes: boolean;
}

/** Reading this much is dearer than asking git. */
const worthGitBytes = 4 << 20;

/**
 * The working tree as it is now, for the check of observations: it stats what it is asked about, once, and reads only files whose hash is not known.
 * Make one for a check, and drop it: it remembers what it has seen. `save` the stat cache afterwards.
 * Never looks through a link: each directory on the way is seen to be one.
 */
export function createLiveTree(options: LiveTreeOptions): RepoTree {
  const { root, rules, stats, index, clock, recorder } = options;
  const seen = new Map<string, DiskStat | null>();
  const kinds = new Map<string, ReadonlyMap<string, TreeEntry['kind']> | null>();
  const digests = new Map<string, string | null>();
  let readBytes = 0;

  const statAt = (path: RepoPath): DiskStat | null => {
    const known = seen.get(path);
    if (known !== undefined) return known;
    const reachable = path === '' || kindAt(directoryOf(path)) === 'directory';
    const stat = reachable ? statPath(pathIn(root, path)) : null;
    if (reachable) recorder?.stat(pathIn(root, path), stat);
    const shown = stat === null || rules.hides(path, stat.kind) ? null : stat;
    seen.set(path, shown);
    return shown;
  };

  const kindAt = (path: RepoPath): TreeEntry['kind'] | null => {
    const known = seen.get(path);
    if (known !== undefined) return known?.kind ?? null;
    const siblings = path === '' ? undefined : kinds.get(directoryOf(path));
    if (siblings !== undefined) return siblings?.get(path.slice(path.lastIndexOf('/') + 1)) ?? null;
    return statAt(path)?.kind ?? null;
  };

  /** A directory's stat where its times tell something. */
  const datedAt = (path: RepoPath): DiskStat | null => {
    if (!options.directoryTimes) return null;
    const stat = statPath(pathIn(root, path));
    return stat?.device === statAt('' as RepoPath)?.device ? stat : null;
  };

  const kindsIn = (path: RepoPath): ReadonlyMap<string, TreeEntry['kind']> | null => {
    const known = kinds.get(path);
    if (known !== undefined) return known;
    const there = kindAt(path) === 'directory';
    const before = recorder === null || !there ? null : { stat: datedAt(path), atMs: clock.now() };
    const entries = there ? listPath(pathIn(root, path)) : null;
    if (before !== null) recorder?.list(pathIn(root, path), entries, before);
    const shown = entries?.filter(({ name, kind }) => !rules.hides(joinPath(path, name), kind));
    const found = shown === undefined ? null : new Map(shown.map(({ name, kind }) => [name, kind] as const));
    kinds.set(path, found);
    return found;
  };

  const digestAt = (path: RepoPath): string | null => {
    const stat = statAt(path);
    if (stat?.kind !== 'file') return null;
    const known = stats.find(path, stat);
    if (known !== null) return known;
    readBytes += stat.sizeBytes;
    const hashedAtMs = clock.now();
    if (readBytes > worthGitBytes) {
      const vouched = index?.find(path, stat) ?? null;
      if (vouched !== null) {
        if (!isSettled(stat, hashedAtMs)) recorder?.doubt();
        stats.add(path, stat, { digest: vouched, hashedAtMs });
        return vouched;
      }
    }
    const hashed = hashFile(pathIn(root, path));
    if ('failure' in hashed || !sameContent(hashed.stat, stat) || !isSettled(stat, hashedAtMs)) recorder?.doubt();
    if ('failure' in hashed) return null;
    stats.add(path, hashed.stat, { digest: hashed.digest, hashedAtMs });
    return hashed.digest;
  };

  return {
    entry(path) {
      const stat = statAt(path);
      if (stat === null) return null;
      switch (stat.kind) {
        case 'directory':
          return { kind: 'directory' };
        case 'file':
          return { kind: 'file', executable: stat.executable, sizeBytes: stat.sizeBytes };
        case 'link': {
          const target = readLink(pathIn(root, path));
          recorder?.link(pathIn(root, path), target);
          return target === null ? null : { kind: 'link', target };
        }
      }
    },
    kind: kindAt,
    list(path) {
      const found = kindsIn(path);
      return found === null ? null : [...found.keys()];
    },
    digest(path) {
      const known = digests.get(path);
      if (known !== undefined) return known;
      const digest = digestAt(path);
      digests.set(path, digest);
      return digest;
    },
  };
}
