import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Host } from '../node-host.ts';

/** Where the store is: `--store`, else `LAYER_STORE`, else `layer` in the user's cache directory. Absolute. */
export function storeDirectory(given: string | null, host: Host): string {
  const { LAYER_STORE: named, XDG_CACHE_HOME: cache } = host.environment;
  if (given !== null) return resolve(host.directory, given);
  if (named) return resolve(host.directory, named);
  return join(cache?.startsWith('/') ? cache : join(homedir(), '.cache'), 'layer');
}
