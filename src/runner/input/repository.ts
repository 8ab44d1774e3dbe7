import { hash } from 'node:crypto';
import type { Clock, RepoPath } from '../../host.ts';
import { policyVersion } from '../key.ts';
import type { Verdicts } from '../ports.ts';
import type { RepoTree } from '../view/tree.ts';
import type { ViewSpec } from '../view/view.ts';
import { openBlobStore } from './blob-store.ts';
import { fileTimesAt } from './file-times.ts';
import { freeze } from './freeze.ts';
import type { Frozen } from './freeze.ts';
import { createGitIndex } from './git-index.ts';
import { createGit } from './git.ts';
import { createLiveTree } from './live-tree.ts';
import type { LookAgain } from './look-again.ts';
import { LookRecorder } from './look.ts';
import { freezeRoots } from './roots.ts';
import { readRules, type TreeRules } from './rules.ts';
import { noStatCache, openStatCache } from './stat-cache.ts';
import { rememberVerdicts } from './verdicts.ts';

/** A working tree as input of a run: first checked as it is, then frozen. Whether it is git's does not matter. */
export interface RepositoryInput {
  readonly root: string;
  /** The tree as it is now. Each call looks anew, with the rules that were there at first; within one, what was seen once is remembered. */
  live(): RepoTree;
  /** On the live tree. */
  readonly verdicts: Verdicts;
  /** Makes the manifest of what these views need. Rejects with the signal's reason. */
  freeze(options: {
    readonly specs: readonly Pick<ViewSpec, 'sources'>[];
    /** See `carryMtimes`; null in plain mtime mode. */
    readonly shownMtimeNs: ((path: RepoPath, digest: string) => bigint) | null;
    readonly signal: AbortSignal;
  }): Promise<Frozen>;
  /** Keeps the hashes that were computed, and the verdicts with what they stand on, for the next run. */
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
  /** What earlier runs saw of this tree (`lookFile`), and the key (hex) with which that is sealed. */
  readonly looks: readonly LookAgain[];
  readonly key: string;
}): RepositoryInput {
  const { root, hidden, clock } = given;
  const times = fileTimesAt(root);
  const stats = times.files ? openStatCache(statsFile(given.stats, root)) : noStatCache;
  const blobs = openBlobStore(given.blobs);
  const git = createGit({ cwd: root, env: given.env });
  const recorder = new LookRecorder();
  if (!times.files) recorder.doubt();
  const index = () => (times.files ? createGitIndex({ git, root }) : null);
  const parts = { root, stats, clock, index: index() };
  let known: TreeRules | null = null;
  const rules = (): TreeRules => (known ??= readRules({ root, hidden }));
  const { verdicts, save } = rememberVerdicts({
    ...{ looks: given.looks, key: given.key, file: lookFile(given.stats, root), recorder },
    identity: () => hash('sha256', JSON.stringify([policyVersion, root, rules().identity, times])),
  });
  return {
    root,
    live: () => createLiveTree({ ...parts, rules: rules(), recorder, directoryTimes: times.directories }),
    verdicts,
    freeze({ specs, shownMtimeNs, signal }) {
      const common = {
        ...parts,
        index: index(),
        rules: readRules({ root, hidden }),
        ...{ recorder: null, directoryTimes: false },
      };
      const roots = freezeRoots(specs, createLiveTree(common));
      return freeze({ ...common, roots, blobs, shownMtimeNs, signal });
    },
    save() {
      stats.save();
      save();
    },
  };
}

/** Where the hashes of a working tree's files are kept. */
function statsFile(directory: string, root: string): string {
  return `${directory}/${hash('sha256', root).slice(0, 32)}`;
}

/** Where is kept what earlier checks saw of a working tree. */
export function lookFile(directory: string, root: string): string {
  return `${statsFile(directory, root)}.look`;
}
