import { realpathSync } from 'node:fs';
import { totalmem } from 'node:os';
import { basename, join, relative } from 'node:path';
import type { RepoPath } from '../host.ts';
import type { Plan } from '../ir/ir.ts';
import { sandboxDriver } from '../runner/drivers/sandbox/sandbox.ts';
import { startViewServer } from '../runner/fuse/start.ts';
import { openClones } from '../runner/input/clones.ts';
import { createGit, type Git } from '../runner/input/git.ts';
import { openRepository } from '../runner/input/repository.ts';
import { runSecrets } from '../runner/input/run-secrets.ts';
import { runVariables } from '../runner/input/run-variables.ts';
import { readSecrets } from '../runner/input/secrets.ts';
import { branchOf, parseOverrides } from '../runner/input/variables.ts';
import type { Listener } from '../runner/events.ts';
import type { RunRecord } from '../runner/history.ts';
import type { RunPorts } from '../runner/ports.ts';
import type { LocalStore } from '../runner/stores/local.ts';
import type { WrittenBack } from '../runner/stores/shared.ts';
import type { Host } from '../node-host.ts';
import { baseHost, basesDirectory } from './base-host.ts';
import { runBases } from './bases.ts';
import { beginRun, type BegunRun } from './begin.ts';
import { chooseDrivers } from './drivers.ts';
import { driverNamed, type DriverName } from './driver-names.ts';
import { runExpose } from './expose.ts';
import { runInputs } from './inputs.ts';
import { makeRoom } from './make-room.ts';
import { openStore } from './open-store.ts';
import { terminalPress } from './press.ts';
import { accessOf, openShared, type Sharing } from './sharing.ts';
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
  /** What runs the machines. */
  readonly driver: DriverName;
}

/** Which run this is. `new`: JOB_ID counts up; `none`: nothing runs, and all is looked at as the next run would see it; `retry`: the next try of a job, null for the last one. */
export type Job = 'new' | 'none' | { readonly retry: number | null };

/** The world of a run, open. */
export interface World extends AsyncDisposable {
  readonly ports: RunPorts;
  /** The same store as in `ports`, with all that it can do. */
  readonly store: LocalStore;
  readonly job: { readonly job: number; readonly attempt: number };
  /** The run that is tried again; null where none is, or none is known. */
  readonly previous: RunRecord | null;
  /** Worth knowing, and no error. */
  readonly warnings: readonly string[];
  /** Sends what this run made to where others find it; null where it may not, or there is no such place. */
  writeBack(signal: AbortSignal): Promise<WrittenBack | null>;
}

const previewPort = 7080;

/** Opens the store and wires the parts of a run. `problem`: what was typed is wrong; `failure`: this host cannot. */
export async function openRun(given: {
  readonly options: WorldOptions;
  readonly plan: Plan;
  readonly root: string;
  /** Where it has been begun already. */
  readonly begun?: BegunRun;
  /** `new` where it is not given. */
  readonly job?: Job;
  readonly context: { readonly host: Host; readonly signal: AbortSignal };
  readonly listener: Listener;
  /** What others left, where there is a store for that; null or not given: this machine's own results only. */
  readonly sharing?: Sharing | null;
}): Promise<World | { readonly problem: string } | { readonly failure: string }> {
  const { options, plan, context } = given;
  const { host, signal } = context;
  const env = host.environment;
  const root = realpathSync(given.root);
  const directory = storeDirectory(options.store, host);
  if (directory === root)
    return { failure: `the store ${directory} is the repository itself; give another place with --store` };
  const overrides = parseOverrides(options.env);
  if ('why' in overrides) return { problem: overrides.why };
  const git = createGit({ cwd: root, env });
  const secrets = readSecrets({
    ...{ root, git, host: env, cwd: host.directory },
    ...{ named: options.secret, files: options['secret-file'] },
  });
  if (secrets.errors.length > 0) return { problem: secrets.errors.join('\n') };
  const worth = snapshotWorth(env['LAYER_SNAPSHOT_AFTER']);
  if ('problem' in worth) return worth;
  const begun = given.begun ?? beginRun({ store: options.store, root, host, signal });
  const facts = await begun.facts;
  const branch = overrides.overrides['GIT_BRANCH'] ?? branchOf(facts, env);
  const warnings: string[] = [...secrets.warnings, ...(facts.warning === null ? [] : [facts.warning])];

  const { sharing = null } = given;
  const access = accessOf(sharing, facts.repositoryId);
  const note = (level: 'info' | 'warning', message: string): void =>
    given.listener({ kind: 'note', runner: null, level, message });
  const warn = (message: string): void => note('warning', message);
  const store = openStore(directory, { repository: facts.repositoryId, root, warn, ...access });
  if ('failure' in store) return store;
  const blobs = join(directory, 'blobs');
  const hidden = hiddenIn(root, directory);
  const scope = (name: string): string => JSON.stringify([facts.repositoryId, name]);
  const { job, previous } = await jobOf(given.job ?? 'new', store);
  const shared = await openShared(sharing, { local: store, directory, repository: facts.repositoryId, warn, signal });
  const variables = runVariables({
    ...{ git: facts, directoryName: basename(root), host: env, previewPort },
    ...{ jobId: job.job, overrides: { ...retryIndex(job.attempt), ...overrides.overrides } },
  });
  const room = (): Promise<string | null> => makeRoom({ store, directory, environment: env });
  const bases = basesDirectory(directory, env);
  const drivers = await chooseDrivers({
    snapshotWorthMs: worth.ms,
    ...{ asked: driverNamed(options.driver, env['LAYER_DRIVER']), plan, bases, path: env['PATH'] ?? '', warn, signal },
    sandbox: () => sandboxDriver({ startViewServer, storeDirectory: directory, warn }),
  });
  // Whoever only looks at results, or enters one, is not asking where it was made.
  if (given.job !== 'none') for (const message of drivers.notes) note('info', message);
  const ports: RunPorts = {
    driver: drivers.driver,
    driverFor: drivers.driverFor,
    store: shared ?? store,
    clock: host.clock,
    bases: runBases(
      baseHost({ bases, root, host }),
      // Where they are kept elsewhere, whoever keeps them there hands them on.
      env['LAYER_BASES'] ? null : (shared?.bases ?? null),
    ),
    inputs: runInputs({
      plan,
      open: (path) =>
        openRepository({
          ...{ root: path === '' ? root : join(root, path), hidden, blobs, env },
          stats: join(directory, 'stats'),
          clock: host.clock,
          looks: path === '' ? begun.looks : [],
          key: store.hmacKey,
        }),
      clones: openClones({
        ...{ mirrors: join(directory, 'mirrors'), blobs, root, env, branch },
        scratch: () => store.directory(),
        mode: options.offline ? 'offline' : 'online',
      }),
      blobs,
      scratch: () => store.directory(),
      note,
    }),
    variables,
    secrets: runSecrets({ secrets: secrets.secrets, host: env }),
    press: terminalPress(options.press),
    expose: runExpose({
      serve: options.serve,
      port: previewPort,
      hostOf: (runner) => (variables.value('EXPOSE_WEBSITE_HOST', runner) ?? '').replace(/:[0-9]+$/, ''),
      warn,
    }),
    repository: facts.repositoryId,
    architecture: process.arch,
    network: 'outward',
    scope:
      sharing === null
        ? {
            own: scope(branch),
            readable: async () => [scope(branch), scope(await defaultBranch(git, signal))],
          }
        : { own: access.scope, readable: async () => access.reads },
    failedBefore: (await store.lastRun(null))?.failures ?? [],
    hostMemoryBytes: totalmem(),
    // What is still to be sent to others stays until it has been.
    makeRoom: async () => (shared === null ? room() : null),
  };
  return {
    ...{ ports, store, job, previous, warnings },
    async writeBack(stop) {
      if (shared === null) return null;
      const written = await shared.writeBack(stop);
      const done = await room();
      if (done !== null) note('info', done);
      return written;
    },
    [Symbol.asyncDispose]: () => (shared ?? store)[Symbol.asyncDispose](),
  };
}

async function jobOf(job: Job, store: LocalStore): Promise<Pick<World, 'job' | 'previous'>> {
  if (job === 'new') return { job: { job: await store.nextJob(), attempt: 1 }, previous: null };
  const previous = job === 'none' ? null : await store.lastRun(job.retry);
  if (previous === null) return { job: { job: (await store.lastJob()) + 1, attempt: 1 }, previous };
  return { job: { job: previous.job, attempt: previous.attempt + 1 }, previous };
}

/** The first try is called as the host calls it. */
function retryIndex(attempt: number): Readonly<Record<string, string>> {
  return attempt === 1 ? {} : { RETRY_INDEX: String(attempt) };
}

/** The branch that others fork from, as `origin` says; `main` where it says nothing. */
/** `LAYER_SNAPSHOT_AFTER`: seconds of work after which a virtual machine is kept; null: what is usual. */
function snapshotWorth(given: string | undefined): { readonly ms: number | null } | { readonly problem: string } {
  if (given === undefined || given === '') return { ms: null };
  if (/^\d{1,6}(\.\d+)?$/.test(given)) return { ms: Number(given) * 1000 };
  return { problem: `LAYER_SNAPSHOT_AFTER wants a number of seconds; it has ${JSON.stringify(given)}` };
}

async function defaultBranch(git: Git, signal: AbortSignal): Promise<string> {
  const { code, stdout } = await git.run(['symbolic-ref', '--short', 'refs/remotes/origin/HEAD'], { signal });
  return code === 0
    ? stdout
        .toString('utf8')
        .trim()
        .replace(/^[^/]*\//, '')
    : 'main';
}

/** The store, where it is inside the repository: no machine may see it. */
function hiddenIn(root: string, store: string): readonly RepoPath[] {
  const inside = relative(root, store);
  return inside.startsWith('..') || inside === '' ? [] : [inside as RepoPath];
}
