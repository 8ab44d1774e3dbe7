import { realpathSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { RepoPath } from '../../host.ts';
import type { Plan } from '../../ir/ir.ts';
import { sandboxDriver } from '../../runner/drivers/sandbox/sandbox.ts';
import { startViewServer } from '../../runner/fuse/start.ts';
import { openRepository } from '../../runner/input/repository.ts';
import type { RunPorts } from '../../runner/ports.ts';
import { openLocalStore } from '../../runner/stores/local.ts';
import type { Context } from '../command.ts';
import { runBases } from './bases.ts';
import { runInputs } from './inputs.ts';
import { expose, secrets, variables } from './interim.ts';
import { terminalPress } from './press.ts';
import { storeDirectory } from './store-directory.ts';

/** Options of `layer run` that decide what the world of a run is. */
export interface WorldOptions {
  readonly store: string | null;
  readonly secret: readonly string[];
  readonly 'secret-file': readonly string[];
  readonly env: readonly string[];
  readonly press: readonly string[];
  readonly serve: boolean;
  readonly offline: boolean;
}

/** The world of a run, open. */
export interface World extends AsyncDisposable {
  readonly ports: RunPorts;
}

/** Opens the store and wires the parts of a run. `problem`: what was typed is wrong; `failure`: this host cannot. */
export async function openRun(given: {
  readonly options: WorldOptions;
  readonly plan: Plan;
  readonly root: string;
  readonly context: Context;
}): Promise<World | { readonly problem: string } | { readonly failure: string }> {
  const { options, plan, context } = given;
  const { host } = context;
  const root = realpathSync(given.root);
  const directory = storeDirectory(options.store, host);
  const driver = sandboxDriver({
    startViewServer,
    storeDirectory: directory,
    warn: (message) => host.terminal.error(`warning: ${message}\n`),
  });
  const store = openLocalStore(directory);
  const blobs = join(directory, 'blobs');
  const hidden = hiddenIn(root, directory);
  const ports: RunPorts = {
    driver,
    store,
    clock: host.clock,
    bases: runBases({
      directory: host.environment['LAYER_BASES'] ?? join(directory, 'bases'),
      repositoryRoot: root,
      privilege: [],
      debstrapMode: 'root',
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      mirrors: {},
      dockerConfig: null,
      env: Object.fromEntries(
        Object.entries(host.environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
      now: () => host.clock.now(),
    }),
    inputs: runInputs({
      plan,
      open: (path) =>
        openRepository({
          root: path === '' ? root : join(root, path),
          hidden,
          blobs,
          stats: join(directory, 'stats'),
          env: host.environment,
          clock: host.clock,
        }),
      clones: { clone: async () => ({ failure: 'CLONE' }), tree: () => null, manifests: {} },
      blobs,
      scratch: () => store.directory(),
    }),
    variables,
    secrets,
    press: terminalPress(options.press),
    expose,
    repository: root,
    architecture: process.arch,
    network: 'outward',
    scope: { own: root, readable: [root] },
  };
  return { ports, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

/** The store, where it is inside the repository: no machine may see it. */
function hiddenIn(root: string, store: string): readonly RepoPath[] {
  const inside = relative(root, store);
  return inside.startsWith('..') || inside === '' ? [] : [inside as RepoPath];
}
