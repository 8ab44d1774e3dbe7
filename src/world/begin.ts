import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../node-host.ts';
import type { RepoPath, RepoReader } from '../host.ts';
import { readGitFacts, type GitFacts } from '../runner/input/git-facts.ts';
import { createGit } from '../runner/input/git.ts';
import { lookAgain, type LookAgain } from '../runner/input/look-again.ts';
import { lookFile } from '../runner/input/repository.ts';
import { openGitMemory } from './git-memory.ts';
import { storeDirectory } from './store-directory.ts';

/** What a run asks the host for before it knows what is to be run: other processors answer while this one reads the Layerfiles. */
export interface BegunRun {
  readonly facts: Promise<GitFacts>;
  /** What earlier checks saw of the repository. */
  readonly looks: readonly LookAgain[];
  /** A reader of this repository that may know its Layerfiles from an earlier run. */
  knowing(reader: RepoReader): RepoReader;
  /** Keeps for the next run what git has said in this one. */
  remember(): Promise<void>;
}

/** Begins a run on the repository at `root`. `store` is the place that a person has given for it. */
export function beginRun(given: {
  readonly store: string | null;
  readonly root: string;
  readonly host: Host;
  readonly signal: AbortSignal;
}): BegunRun {
  const { host, signal } = given;
  const { environment } = host;
  const root = realpathSync(given.root);
  const file = lookFile(join(storeDirectory(given.store, host), 'stats'), root);
  const looks = lookAgain(file);
  const memory = openGitMemory({ file: `${file}.git`, root, environment, nowMs: host.clock.now() });
  const facts =
    memory.facts === null
      ? readGitFacts({ git: createGit({ cwd: root, env: environment }), root, signal })
      : Promise.resolve(memory.facts);
  // Whoever awaits it hears of it; a mistake in a Layerfile may come first.
  facts.catch(() => undefined);
  let layerfiles: readonly RepoPath[] | null = memory.layerfiles;
  return {
    ...{ facts, looks },
    knowing: (reader) => ({
      ...reader,
      layerfiles: async () => (layerfiles ??= await reader.layerfiles()),
    }),
    async remember() {
      if (layerfiles !== null) memory.remember({ facts: await facts, layerfiles });
    },
  };
}
