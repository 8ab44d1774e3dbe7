import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { scopeText, type Remote, type Scope } from '../runner/remote.ts';
import type { SharedStore } from '../runner/stores/shared.ts';
import type { TraceStore } from '../runner/store.ts';

/** What a run may do with what others left, on this machine and elsewhere. */
export interface Sharing {
  /** Opens the store that outlives this machine; `scratch` is an empty directory of this process. Null where there is none. */
  readonly open: (scratch: string) => Remote | null;
  /** Whose results are read, the own ones first. */
  readonly reads: readonly Omit<Scope, 'repository'>[];
  readonly writes: Omit<Scope, 'repository'> | null;
  /** `strangers`: what runs may be of somebody without access to the repository, and sees nothing that a secret could be in. */
  readonly trust: 'own' | 'strangers';
  /** `LAYER_STORE_KEY`. */
  readonly key: string | null;
}

/** The scopes by which this machine's own store tells apart what it keeps: a person's runs have one for themselves, and so has a run that may leave nothing. */
export function accessOf(
  sharing: Sharing | null,
  repository: string,
): { readonly scope: string; readonly reads: readonly string[]; readonly trust: 'own' | 'strangers' } {
  if (sharing === null) return { scope: '', reads: [''], trust: 'own' };
  const scope =
    sharing.writes === null
      ? JSON.stringify([repository, 'nobody', randomUUID()])
      : scopeText({ ...sharing.writes, repository });
  const reads = sharing.reads.map((one) => scopeText({ ...one, repository }));
  return { scope, reads: [...new Set([scope, ...reads])], trust: sharing.trust };
}

/** Puts a remote store behind this machine's own; null where there is nothing to read or write. */
export async function openShared(
  sharing: Sharing | null,
  given: {
    readonly local: TraceStore;
    readonly directory: string;
    readonly repository: string;
    readonly warn: (message: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<SharedStore | null> {
  if (sharing === null || (sharing.reads.length === 0 && sharing.writes === null)) return null;
  const { repository } = given;
  const scratch = mkdtempSync(join(given.directory, 'remote-'));
  const remote = sharing.open(scratch);
  if (remote === null) {
    rmSync(scratch, { recursive: true, force: true });
    return null;
  }
  // Most runs on a person's machine do without it, and it is big.
  const { openSharedStore } = await import('../runner/stores/shared.ts');
  const shared = await openSharedStore({
    ...{ local: given.local, remote, directory: join(given.directory, 'shared') },
    access: {
      reads: sharing.reads.map((scope) => ({ ...scope, repository })),
      writes: sharing.writes === null ? null : { ...sharing.writes, repository },
    },
    ...{ key: sharing.key, warn: given.warn, signal: given.signal },
  });
  return {
    ...shared,
    async [Symbol.asyncDispose]() {
      await shared[Symbol.asyncDispose]();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
