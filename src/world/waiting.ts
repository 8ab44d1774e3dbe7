import { existsSync } from 'node:fs';
import type { Host } from '../node-host.ts';
import { readGitFacts } from '../runner/input/git-facts.ts';
import { createGit } from '../runner/input/git.ts';
import type { WrittenBack } from '../runner/stores/shared.ts';
import { openStore } from './open-store.ts';
import { accessOf, openShared, type Sharing } from './sharing.ts';

/** Sends what runs on this machine made and did not come to send. Null where there is nothing, or it may not or cannot be sent. */
export async function sendWaiting({
  host,
  root,
  directory,
  sharing,
  warn,
  signal,
}: {
  readonly host: Host;
  readonly root: string;
  /** The store's. */
  readonly directory: string;
  readonly sharing: Sharing;
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
}): Promise<WrittenBack | null | { readonly failure: string }> {
  if (!existsSync(directory)) return null;
  const git = createGit({ cwd: root, env: host.environment });
  const { repositoryId: repository } = await readGitFacts({ git, root, signal });
  const store = openStore(directory, { repository, root, warn, ...accessOf(sharing, repository) });
  if ('failure' in store) return store;
  await using shared = await openShared(sharing, { local: store, directory, repository, warn, signal });
  if (shared !== null) return await shared.writeBack(signal);
  await store[Symbol.asyncDispose]();
  return null;
}
