import { expect, it } from 'vitest';
import { registryRemote } from '../../../src/runner/stores/registry.ts';
import { scratch } from '../../support/scratch.ts';
import { startRegistry } from '../bases/support/registry-server.ts';
import { describeStore } from './contract.ts';
import { aBlob, describeRemote, main, topic } from './remote-contract.ts';
import { cacheService, registryService } from './services.ts';
import { describeShared, machine } from './shared-contract.ts';

for (const [name, make] of [
  ['a registry', registryService],
  ['the Actions cache', cacheService],
] as const) {
  describeRemote(name, make);
  describeShared(name, make);
  describeStore(name, async () => {
    const service = await make();
    const directory = scratch();
    return {
      open: async () => (await machine(service, { directory, scopes: [main] })).store,
      [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
    };
  });
}

it('gives what a branch left to the garbage collection of the registry, with its tag', async () => {
  await using registry = await startRegistry('none');
  const signal = AbortSignal.timeout(60_000);
  const remote = registryRemote({
    name: `${registry.host}/team/layer`,
    credentials: async () => null,
    scratch: scratch(),
  });
  if (remote === null) throw new Error('not a registry');
  const [common, own] = [aBlob('of both'), aBlob('of the topic')];
  const of = { [main.ref]: [common], [topic.ref]: [common, own] };
  for (const scope of [main, topic]) {
    for (const blob of of[scope.ref] ?? []) {
      await remote.store(blob, { scope, path: async () => blob.path, known: null }, signal);
    }
    await remote.writeIndex(scope, { bytes: Buffer.from(scope.ref), blobs: of[scope.ref] ?? [] }, signal);
  }
  const repositories = (await (await fetch(`http://${registry.host}/v2/_catalog`)).json()) as {
    repositories: string[];
  };
  const gone = repositories.repositories.find((one) => one.includes('/topic-')) ?? '';
  await registry.forget(gone, 'results');
  const left = registry.digests();
  expect([left.includes(common.digest), left.includes(own.digest)]).toEqual([true, false]);
  expect(await remote.readIndex(topic, signal)).toBe(null);
  expect(Buffer.from((await remote.readIndex(main, signal)) ?? []).toString()).toBe(main.ref);
});
