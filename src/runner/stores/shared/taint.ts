import type { GuestPath } from '../../../host.ts';
import type { Scope } from '../../remote.ts';
import { scopeText } from '../../remote.ts';
import { secretsOf } from '../../key.ts';
import type { Instance, TraceStore } from '../../store.ts';

/** Whether a secret could be in what a step left: in its files, its memory, its environment or what it printed. */
export type Taint = (instance: Instance) => Promise<boolean>;

/**
 * Judges by the key, which says what secrets were in force (they stay in force in all that follows), and by the CACHE volumes that the machine had.
 * What is tainted never leaves this machine, whatever kind of snapshot it is.
 */
export async function taintBy(local: TraceStore, scopes: readonly Scope[]): Promise<Taint> {
  const newest = await Promise.all(scopes.map((scope) => local.newestVolumes(scopeText(scope))));
  const paths = new Set<GuestPath>(newest.flat().flatMap((volume) => (volume.tainted ? [volume.path] : [])));
  return async (instance) => {
    if (secretsOf(instance.keyParts).length > 0) return true;
    if (instance.state.caches.some((path) => paths.has(path))) return true;
    for (const entry of instance.data?.stack ?? []) {
      if (entry.kind !== 'layer' || entry.at === null) continue;
      if ((await local.volumeOf(entry.directory))?.tainted === true) return true;
    }
    return false;
  };
}
