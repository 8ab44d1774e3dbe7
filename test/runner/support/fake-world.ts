import { join } from 'node:path';
import { expect } from 'vitest';
import { compile } from '../../../src/compile/compile.ts';
import type { Plan } from '../../../src/ir/ir.ts';
import type { Chain } from '../../../src/runner/chain.ts';
import type { Forced } from '../../../src/runner/context.ts';
import type { Driver } from '../../../src/runner/driver.ts';
import type { Event, RunOutcome } from '../../../src/runner/events.ts';
import type { RunPorts } from '../../../src/runner/ports.ts';
import { survey, type SurveyedRunner } from '../../../src/runner/inspect/survey.ts';
import { nothingForced, run } from '../../../src/runner/run.ts';
import type { TraceStore } from '../../../src/runner/store.ts';
import { openLocalStore, type LocalStore } from '../../../src/runner/stores/local.ts';
import { MemoryRepo } from '../../support/memory-repo.ts';
import { scratch } from '../../support/scratch.ts';
import { memoryTree } from '../view/memory-tree.ts';
import { fakeDriver, type FakeHost } from './fake-driver.ts';

export interface RunOptions {
  readonly forced?: (chain: Chain) => Forced;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly variables?: Readonly<Record<string, string>>;
  readonly press?: boolean;
  readonly keepGoing?: boolean;
  readonly jobs?: number;
  readonly failedBefore?: RunPorts['failedBefore'];
  readonly repository?: string;
  readonly architecture?: string;
  readonly baseDigest?: string;
  readonly driver?: (driver: Driver) => Driver;
  readonly store?: (store: TraceStore) => TraceStore;
  readonly before?: FakeHost['before'];
  readonly fault?: FakeHost['fault'];
  readonly doubt?: FakeHost['doubt'];
  readonly memory?: FakeHost['memory'];
  readonly signal?: AbortSignal;
}

export interface Ran {
  readonly outcome: RunOutcome;
  /** Commands of machines, in order. */
  readonly ran: readonly string[];
  /** `label title: reason` of each step that ran because of itself. */
  readonly reasons: readonly string[];
  readonly skipped: readonly string[];
  readonly output: string;
  readonly events: readonly Event[];
  readonly most: number;
}

/** A repository in memory, a real store on disk and machines that are objects; run after run in one store. */
export class FakeWorld {
  readonly directory = scratch();
  files: Record<string, string>;

  constructor(files: Record<string, string>) {
    this.files = files;
  }

  edit(files: Record<string, string | null>): void {
    const entries = Object.entries({ ...this.files, ...files });
    this.files = Object.fromEntries(entries.flatMap(([path, text]) => (text === null ? [] : [[path, text]])));
  }

  async plan(): Promise<Plan> {
    const compiled = await compile(new MemoryRepo(this.files));
    expect(compiled.diagnostics.filter((one) => one.severity === 'error')).toEqual([]);
    if (!compiled.plan) throw new Error('no plan');
    return compiled.plan;
  }

  store(): LocalStore {
    return openLocalStore(join(this.directory, 'store'), {
      ...{ repository: 'here', root: '/here', scope: '', reads: [''] },
    });
  }

  /** All runners as a run would find them now. */
  async survey(options: RunOptions = {}): Promise<readonly SurveyedRunner[]> {
    const plan = await this.plan();
    const live = memoryTree(this.files);
    const host: FakeHost = { tree: () => live, ran: [], up: { now: 0, most: 0 } };
    await using store = this.store();
    const ports = worldPorts(options, { host, store });
    const found = await survey({
      ...{ plan, layers: plan.layers, ports, mode: { kind: 'look', trees: ports.inputs }, emit: () => {} },
      ...{ signal: new AbortController().signal, run: 'survey' },
    });
    expect(host.ran).toEqual([]);
    return found;
  }

  async run(options: RunOptions = {}): Promise<Ran> {
    const plan = await this.plan();
    const live = memoryTree(this.files);
    const host: FakeHost = { tree: () => live, ran: [], up: { now: 0, most: 0 }, ...pick(options) };
    await using opened = this.store();
    const ports = worldPorts(options, { host, store: options.store?.(opened) ?? opened });
    const events: Event[] = [];
    const outcome = await run({
      plan,
      wanted: plan.layers.map((layer) => layer.id),
      ports,
      jobs: options.jobs ?? 2,
      keepGoing: options.keepGoing ?? false,
      forced: options.forced ?? (() => nothingForced),
      listener: (event) => events.push(event),
      signal: options.signal ?? new AbortController().signal,
    });
    expect(host.up.now).toBe(0);
    return {
      outcome,
      ran: host.ran,
      reasons: events.flatMap((event) =>
        event.kind === 'stepStarted' && event.because === 'cause'
          ? [`${event.step.runner.label} ${event.step.title}: ${event.reason}`]
          : [],
      ),
      skipped: events.flatMap((event) => (event.kind === 'stepSkipped' ? [event.step.title] : [])),
      output: events
        .flatMap((event) => (event.kind === 'stepOutput' ? [Buffer.from(event.chunk).toString()] : []))
        .join(''),
      events,
      most: host.up.most,
    };
  }
}

function worldPorts(
  options: RunOptions,
  { host, store }: { readonly host: FakeHost; readonly store: TraceStore },
): RunPorts {
  const { tree } = host;
  const secrets = options.secrets ?? {};
  const variables = options.variables ?? {};
  const driver = fakeDriver(host);
  return {
    driver: options.driver?.(driver) ?? driver,
    driverFor: null,
    store,
    clock: { now: () => Date.now() },
    bases: {
      digest: async () => options.baseDigest ?? 'sha256:base',
      provide: async ({ name }) => ({ name, digest: options.baseDigest ?? 'sha256:base', root: '/nowhere' }),
    },
    inputs: {
      tree,
      freeze: async () => ({
        tree,
        manifests: async (mtime) => ({ files: {}, mtimes: mtime === 'plain' ? null : { repository: {} } }),
      }),
      clone: async () => ({ failure: 'no clones here' }),
      verdicts: { find: () => null, add: () => {} },
      remember: () => {},
    },
    variables: { value: (name) => variables[name] ?? null, all: () => variables },
    secrets: {
      value: (name) => secrets[name] ?? null,
      optional: () => false,
      aws: async () => ({ failure: 'no credentials here' }),
      masker: () => ({ push: (chunk) => chunk, end: () => new Uint8Array() }),
      advice: (name) => `give ${name}`,
    },
    press: { ask: async () => (options.press ? 'pressed' : 'nobody') },
    expose: { ready: async () => null, serve: null },
    repository: options.repository ?? 'here',
    architecture: options.architecture ?? 'x64',
    network: 'none',
    scope: { own: 'main', readable: async () => ['main'] },
    failedBefore: options.failedBefore ?? [],
    hostMemoryBytes: 2 ** 40,
    makeRoom: async () => null,
  };
}

function pick({ before, fault, doubt, memory }: RunOptions): Pick<FakeHost, 'before' | 'fault' | 'doubt' | 'memory'> {
  return {
    ...(before ? { before } : {}),
    ...(fault ? { fault } : {}),
    ...(doubt ? { doubt } : {}),
    ...(memory ? { memory } : {}),
  };
}
