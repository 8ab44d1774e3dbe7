import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Chain } from '../../src/runner/chain.ts';
import type { Scope } from '../../src/runner/remote.ts';
import { actionsCacheRemote } from '../../src/runner/stores/actions-cache.ts';
import { openLocalStore } from '../../src/runner/stores/local.ts';
import { openSharedStore, type SharedStore } from '../../src/runner/stores/shared.ts';
import { runBases } from '../../src/world/bases.ts';
import { recordKey, writeResolution } from '../../src/runner/bases/records.ts';
import { buildTinyBase } from '../runner/drivers/tiny-base.ts';
import { testBaseHost } from '../support/base-machine.ts';
import { startCacheService, type CacheService } from '../support/cache-service.ts';
import { scratch } from '../support/scratch.ts';

const signal = AbortSignal.timeout(120_000);
const main: Scope = { repository: 'here', ref: 'refs/heads/main', trust: 'own' };

function open(service: CacheService, directory: string): Promise<SharedStore> {
  const rights = service.environment({ reads: [main.ref], writes: main.ref });
  const user = { repository: 'here', root: directory, scope: 'main', reads: ['main'] };
  return openSharedStore({
    local: openLocalStore(directory, user),
    remote: actionsCacheRemote({ environment: { PATH: process.env['PATH'], ...rights }, scratch: scratch() }),
    access: { reads: [main], writes: main },
    directory: join(directory, 'shared'),
    key: null,
    warn: (message) => expect.unreachable(message),
    signal,
  });
}

test('a base machine that one made another fetches, by the digest it is known by before', async () => {
  await using service = await startCacheService();
  const source = { kind: 'known' } as const;
  const machine = { name: 'vm/tiny', source } as unknown as Chain['machine'];
  const options = { progress: () => {}, signal };
  const digest = `sha256:${'5'.repeat(64)}`;
  {
    const directory = scratch();
    const host = testBaseHost(join(directory, 'bases'));
    const home = join(host.directory, '5'.repeat(64));
    buildTinyBase(join(home, 'root'));
    writeFileSync(join(home, 'base.json'), '{}');
    const record = { name: 'vm/tiny', source, digest, origin: 'here', provider: 'this test', resolvedAtMs: 1 };
    await writeResolution(host.directory, recordKey('vm/tiny', source, host), record);
    await using store = await open(service, directory);
    const made = await runBases(host, store.bases).provide(machine, options);
    if ('failure' in made) throw new Error(made.failure);
    expect(made.digest).toBe(digest);
    expect((await store.writeBack(signal))?.bytes).toBeGreaterThan(0);
  }
  const directory = scratch();
  mkdirSync(join(directory, 'bases'));
  await using store = await open(service, directory);
  const bases = runBases(testBaseHost(join(directory, 'bases')), store.bases);
  expect(await bases.digest(machine)).toBe(digest);
  const said: string[] = [];
  const fetched = await bases.provide(machine, { progress: (line) => said.push(line), signal });
  if ('failure' in fetched) throw new Error(fetched.failure);
  expect([fetched.digest, said]).toEqual([digest, ['fetching it from the shared store']]);
  expect(existsSync(join(fetched.root, 'bin/bash'))).toBe(true);
  expect(statSync(join(fetched.root, 'root')).mode & 0o777).toBe(0o770);
});
