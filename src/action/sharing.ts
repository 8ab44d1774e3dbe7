import { dockerConfig, readLogin } from '../registry/login.ts';
import type { Remote } from '../runner/remote.ts';
import { actionsCacheRemote } from '../runner/stores/actions-cache.ts';
import { registryRemote } from '../runner/stores/registry.ts';
import type { Sharing } from '../world/sharing.ts';
import type { Inputs } from './inputs.ts';
import type { Trust } from './trust.ts';

/** What a job may do with results of others, and where those are. */
export function sharingOf(given: {
  readonly inputs: Pick<Inputs, 'store'>;
  readonly trust: Trust;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Sharing {
  const { trust, environment } = given;
  const own = trust.kind === 'fork' ? 'fork' : 'own';
  return {
    open: (scratch) => openRemote(given, scratch),
    reads: trust.reads.map((ref) => ({ ref, trust: ref === trust.writes ? own : 'own' })),
    writes: trust.writes === null ? null : { ref: trust.writes, trust: own },
    trust: trust.secrets ? 'own' : 'strangers',
    key: environment['LAYER_STORE_KEY'] || null,
  };
}

function openRemote({ inputs, environment }: Parameters<typeof sharingOf>[0], scratch: string): Remote | null {
  const { store } = inputs;
  switch (store.kind) {
    case 'none':
      return null;
    case 'cache':
      return actionsCacheRemote({ environment, scratch });
    case 'registry': {
      const config = dockerConfig(environment);
      return registryRemote({ name: store.name, credentials: (registry) => readLogin(registry, config), scratch });
    }
  }
}
