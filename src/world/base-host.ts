import { join } from 'node:path';
import type { Host } from '../node-host.ts';
import { dockerConfig } from '../registry/login.ts';
import { parseMirrors } from '../registry/reference.ts';
import type { BaseHost } from '../runner/bases/host.ts';

/** Where base machines are kept: `LAYER_BASES`, else in the store's directory. */
export function basesDirectory(store: string, environment: Host['environment']): string {
  return environment['LAYER_BASES'] || join(store, 'bases');
}

/** What the preparation of base machines may know of this host. */
export function baseHost(given: {
  readonly bases: string;
  /** The repository's root. */
  readonly root: string;
  readonly host: Host;
}): BaseHost {
  const { environment, clock } = given.host;
  return {
    directory: given.bases,
    repositoryRoot: given.root,
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    mirrors: parseMirrors(environment['LAYER_REGISTRY_MIRROR'] ?? ''),
    dockerConfig: dockerConfig(environment),
    env: Object.fromEntries(
      Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    ),
    now: () => clock.now(),
  };
}
