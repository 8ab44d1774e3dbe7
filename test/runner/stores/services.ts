import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Remote, Scope } from '../../../src/runner/remote.ts';
import { actionsCacheRemote } from '../../../src/runner/stores/actions-cache.ts';
import { registryRemote } from '../../../src/runner/stores/registry.ts';
import { startCacheService } from '../../support/cache-service.ts';
import { scratch } from '../../support/scratch.ts';
import { startRegistry } from '../bases/support/registry-server.ts';

/** A service that a remote store speaks with, and what can happen to it. */
export interface RemoteService extends AsyncDisposable {
  /** A job's look at it: it reads these scopes and writes the first. */
  open(scopes: readonly Scope[]): Remote;
  /** What is kept under a digest is gone. */
  lose(digest: string): void;
  /** What is kept under a digest is something else. */
  damage(digest: string): void;
  /** Digests of the archives that are kept. */
  digests(): readonly string[];
}

const zstdMagic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** Debian's docker-registry. */
export async function registryService(): Promise<RemoteService> {
  const registry = await startRegistry('none');
  const hex = (digest: string): string => digest.slice('sha256:'.length);
  const data = (digest: string): string =>
    join(registry.storage, 'docker/registry/v2/blobs/sha256', hex(digest).slice(0, 2), hex(digest), 'data');
  return {
    open() {
      const name = `${registry.host}/team/layer`;
      const remote = registryRemote({ name, credentials: async () => null, scratch: scratch() });
      if (remote === null) throw new Error('not a registry');
      return remote;
    },
    lose: (digest) => rmSync(data(digest)),
    damage(digest) {
      const bytes = readFileSync(data(digest));
      bytes[bytes.byteLength >> 1] = (bytes[bytes.byteLength >> 1] ?? 0) ^ 1;
      writeFileSync(data(digest), bytes);
    },
    digests: () => registry.digests().filter((one) => readFileSync(data(one)).subarray(0, 4).equals(zstdMagic)),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

/** The Actions cache service, spoken with by GitHub's own library. */
export async function cacheService(): Promise<RemoteService> {
  const service = await startCacheService();
  const entryOf = (digest: string) => service.entries.findIndex((one) => one.key === `layer-data-${digest.slice(7)}`);
  return {
    open(scopes) {
      const refs = scopes.map((one) => one.ref);
      const rights = service.environment({ reads: refs, writes: refs[0] ?? null });
      return actionsCacheRemote({ environment: { PATH: process.env['PATH'], ...rights }, scratch: scratch() });
    },
    lose: (digest) => void service.entries.splice(entryOf(digest), 1),
    damage(digest) {
      // An entry in another's place: its own checksum is right.
      const [index] = service.entries.filter((one) => one.key.startsWith('layer-index-'));
      const foreign = service.blobs.get(index?.blob ?? '');
      if (foreign) service.blobs.set(service.entries[entryOf(digest)]?.blob ?? '', foreign);
    },
    digests: () =>
      service.entries.flatMap(({ key }) => (key.startsWith('layer-data-') ? [`sha256:${key.slice(11)}`] : [])),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}
