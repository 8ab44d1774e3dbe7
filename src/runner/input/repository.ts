import { hash } from 'node:crypto';
import type { Clock, RepoPath } from '../../host.ts';
import type { RepoTree } from '../view/tree.ts';
import type { ViewSpec } from '../view/view.ts';
import { openBlobStore } from './blob-store.ts';
import { freeze } from './freeze.ts';
import type { Frozen } from './freeze.ts';
import { createGitIndex } from './git-index.ts';
import { createGit } from './git.ts';
import { createLiveTree } from './live-tree.ts';
import { freezeRoots } from './roots.ts';
import { readRules } from './rules.ts';
import { openStatCache } from './stat-cache.ts';

/** A working tree as input of a run: first checked as it is, then frozen. Whether it is git's does not matter. */
export interface RepositoryInput {
  readonly root: string;
  /** The tree as it is now. Each call looks anew; within one, what was seen once is remembered. */
  live(): RepoTree;
  /** Makes the manifest of what these views need. Rejects with the signal's reason. */
  freeze(options: {
    readonly specs: readonly Pick<ViewSpec, 'sources'>[];
    /** See `carryMtimes`; null in plain mtime mode. */
    readonly shownMtimeNs: ((path: RepoPath, digest: string) => bigint) | null;
    readonly signal: AbortSignal;
  }): Promise<Frozen>;
  /** Keeps the hashes that were computed, for the next run. */
  save(): void;
}

/**
 * `root` is absolute and holds no link; `hidden` are paths in it that no machine may see (a store). `blobs` is the directory of copied files,
 * `stats` a directory for hashes of unchanged files: both are created when needed. `env` is the host's environment, for git.
 */
export function openRepository(given: {
  readonly root: string;
  readonly hidden: readonly RepoPath[];
  readonly blobs: string;
  readonly stats: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}): RepositoryInput {
  const { root, hidden, clock } = given;
  const stats = openStatCache(`${given.stats}/${hash('sha256', root).slice(0, 32)}`);
  const blobs = openBlobStore(given.blobs);
  const git = createGit({ cwd: root, env: given.env });
  const parts = () => ({
    root,
    rules: readRules({ root, hidden }),
    stats,
    index: createGitIndex({ git, root }),
    clock,
  });
  return {
    root,
    live: () => createLiveTree(parts()),
    freeze({ specs, shownMtimeNs, signal }) {
      const common = parts();
      const roots = freezeRoots(specs, createLiveTree(common));
      return freeze({ ...common, roots, blobs, shownMtimeNs, signal });
    },
    save: () => stats.save(),
  };
}
