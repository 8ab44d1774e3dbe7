import { registryRemote } from '../../../src/runner/stores/registry.ts';
import { actionsCacheRemote } from '../../../src/runner/stores/actions-cache.ts';
import type { Remote } from '../../../src/runner/remote.ts';
import { startCacheService } from '../../support/cache-service.ts';
import { scratch } from '../../support/scratch.ts';
import { startRegistry } from '../bases/support/registry-server.ts';
import { describeRemote } from './remote-contract.ts';

describeRemote('a registry', async () => {
  const registry = await startRegistry('none');
  const open = (): Remote => {
    const remote = registryRemote({
      ...{ name: `${registry.host}/team/layer`, credentials: async () => null, scratch: scratch() },
    });
    if (remote === null) throw new Error('not a registry');
    return remote;
  };
  return { open, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
});

describeRemote('the Actions cache', async () => {
  const service = await startCacheService();
  return {
    open(scopes) {
      const refs = scopes.map((one) => one.ref);
      const environment = {
        PATH: process.env['PATH'],
        ...service.environment({ reads: refs, writes: refs[0] ?? null }),
      };
      return actionsCacheRemote({ environment, scratch: scratch() });
    },
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
});
