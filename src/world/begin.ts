import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../node-host.ts';
import { readGitFacts, type GitFacts } from '../runner/input/git-facts.ts';
import { createGit } from '../runner/input/git.ts';
import { lookAgain, type LookAgain } from '../runner/input/look-again.ts';
import { lookFile } from '../runner/input/repository.ts';
import { storeDirectory } from './store-directory.ts';

/** What a run asks the host for before it knows what is to be run: other processors answer while this one reads the Layerfiles. */
export interface BegunRun {
  readonly facts: Promise<GitFacts>;
  /** What the last check saw of the repository; null where nothing is known. */
  readonly look: LookAgain | null;
}

/** Begins a run on the repository at `root`. `store` is the place that a person has given for it. */
export function beginRun(given: {
  readonly store: string | null;
  readonly root: string;
  readonly host: Host;
  readonly signal: AbortSignal;
}): BegunRun {
  const { host, signal } = given;
  const root = realpathSync(given.root);
  const facts = readGitFacts({ git: createGit({ cwd: root, env: host.environment }), root, signal });
  // Whoever awaits it hears of it; a mistake in a Layerfile may come first.
  facts.catch(() => undefined);
  return { facts, look: lookAgain(lookFile(join(storeDirectory(given.store, host), 'stats'), root)) };
}
