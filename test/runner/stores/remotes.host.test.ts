import { scratch } from '../../support/scratch.ts';
import { describeStore } from './contract.ts';
import { describeRemote, main } from './remote-contract.ts';
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
