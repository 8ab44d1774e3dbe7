import { createBench, sleep, type Bench } from './bench.ts';
import type { Chain } from './chain.ts';
import type { RunContext } from './context.ts';
import { StateUnusable, type Machine, type MachineSpec, type StackEntry } from './driver.ts';
import { isWorking } from './instruction.ts';
import type { Position } from './position.ts';
import { startsAnew, type StartState } from './repeat.ts';
import { directorySeconds, freshNs, laterSeconds, withDirectorySeconds } from './directory-time.ts';
import type { MtimeTable } from './store.ts';
import { mountedVolumes, renewVolumes, savedVolumes, tablesOf } from './volumes.ts';

/** What was restored is not good enough: go on from a position whose `next` is `before` at most. */
export interface GoBack {
  readonly kind: 'again';
  readonly before: number;
  /** What a person is told; null where that has been done. */
  readonly note: string | null;
  /** Why the first step from there on runs. */
  readonly reason: string;
}

/** A machine that stands at a position, with what ran in its background up again. Whoever opened it disposes `machine`. */
export interface OpenMachine {
  readonly kind: 'open';
  readonly machine: Machine;
  readonly bench: Bench;
  readonly aws: { variables: Readonly<Record<string, string>> };
  /** The first RUN BACKGROUND that was started again; null where none was. */
  readonly restartedAt: number | null;
  /** What a RUN REPEATABLE that comes next goes on from. */
  readonly begin: StartState | null;
  /** The times that files show, by tree; null in plain mode. */
  mtimes: MtimeTable | null;
  /** To be told when something was laid into directories that views may hold: since then they may show a later time (`laterSeconds`). */
  readonly laid: () => void;
  /** Tells the machine of a tree that has become known since it was booted. */
  readonly learn: (tree: string) => Promise<void>;
}

/** What a step is told to run for after a RUN BACKGROUND that did not come up again. */
export const goingBack = 'going back to before RUN BACKGROUND';

const portWaitMs = 60_000;

/**
 * Boots or restores a machine at the last position of a trail, which must have data. With a start state of RUN REPEATABLE files carry on its times:
 * one that went back to an older content is new for it.
 */
export async function openMachine(
  trail: readonly Position[],
  context: RunContext,
  start: StartState | null = null,
): Promise<OpenMachine | GoBack | { readonly kind: 'broken'; readonly why: string }> {
  const { ports, emit, runner, signal, chain } = context;
  const from = trail.at(-1);
  if (!from?.data) throw new Error('a machine starts where there is a snapshot');
  if (context.mode.kind !== 'work') throw new Error('a machine needs frozen inputs');
  const began = ports.clock.now();
  emit({ kind: 'machineStarting', runner, from: from.next === 0 ? null : from.instance });
  const base = await ports.bases.provide(chain.machine, {
    progress: (message) => emit({ kind: 'baseProgress', machine: chain.machine.name, message }),
    signal,
  });
  if ('failure' in base) return { kind: 'broken', why: base.failure };
  if (context.root?.parts.some((part) => part.name === 'base' && part.value !== base.digest)) {
    return { kind: 'broken', why: `${chain.machine.name} became another one meanwhile: run again` };
  }
  const aws: { variables: Readonly<Record<string, string>> } = { variables: {} };
  if (from.aws !== null) {
    const found = await ports.secrets.aws(from.aws);
    if ('failure' in found) return { kind: 'broken', why: found.failure };
    aws.variables = found.variables;
  }
  const lacking = await ports.store.load(from.data, signal);
  if (lacking !== null) return { kind: 'again', before: from.next - 1, note: null, reason: lacking };
  const persistent = chain.persistentFrom < chain.steps.length;
  const again = start?.again ?? null;
  const below = again === null || start === null ? from.data : start.data;
  const stack = await renewVolumes(currentViews(below.stack, from), context);
  const saved = isCacheAhead(from.next, chain) ? await savedVolumes(context) : [];
  const volumes = persistent ? [...(await mountedVolumes(stack, context)), ...saved] : [];
  const ofVolumes = tablesOf(volumes);
  const ofState = [(start ?? from).data?.mtimes ?? []].flat();
  const before = [...ofState, ...ofVolumes];
  let seconds = directorySeconds([...before, ...[from.data.mtimes ?? []].flat()], ports.clock.now());
  const madeMs = [...volumes, ...(start === null ? [] : [start.instance])].map((one) => one.createdAt);
  const startNs = freshNs(context.startNs, madeMs);
  const { inputs } = context.mode;
  const read = async () => {
    if (!persistent) return inputs.manifests('plain');
    const { files, mtimes } = await inputs.manifests({ before, startNs });
    return { files, mtimes: mtimes && withDirectorySeconds(mtimes, seconds) };
  };
  const manifests = await read();
  const booted = await bootOrNot(context, {
    hostname: hostname(from),
    base,
    stack,
    trees: manifests.files,
    mtime: persistent ? 'persistent' : 'plain',
    directorySeconds: persistent ? seconds : null,
    memoryBytes: cappedMemory(context),
    network: ports.network,
    ...(again === null ? { forks: forksAt(from, chain) } : { again }),
    directory: await ports.store.directory(),
  });
  if ('unusable' in booted && again !== null) {
    startsAnew(booted.unusable, context);
    return openMachine(trail, context);
  }
  if ('unusable' in booted) return { kind: 'again', before: from.next - 1, note: null, reason: booted.unusable };
  const { machine } = booted;
  try {
    const bench = createBench(machine, context, { aws: () => aws.variables, saved });
    const restarted = ports.driver.can.saveMemory
      ? resume(trail, { bench, context })
      : await restart(trail, { bench, context });
    if (restarted.kind === 'up') {
      emit({ kind: 'machineReady', runner, durationMs: ports.clock.now() - began });
      const opened: OpenMachine = {
        ...{ kind: 'open', machine, bench, aws, restartedAt: restarted.first, mtimes: manifests.mtimes },
        begin: start,
        laid() {
          seconds = laterSeconds(seconds, ports.clock.now());
          if (opened.mtimes !== null) opened.mtimes = withDirectorySeconds(opened.mtimes, seconds);
        },
        async learn(tree) {
          if (manifests.files[tree] !== undefined) return;
          const now = await read();
          const manifest = now.files[tree];
          if (manifest !== undefined) await machine.addTree(tree, manifest);
          opened.mtimes = now.mtimes;
        },
      };
      return opened;
    }
    await machine[Symbol.asyncDispose]();
    return restarted;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

/** A machine, or why what was kept cannot be brought up again. */
async function bootOrNot(
  { ports, signal }: RunContext,
  spec: MachineSpec,
): Promise<{ readonly machine: Machine } | { readonly unusable: string }> {
  try {
    return { machine: await ports.driver.boot(spec, signal) };
  } catch (error) {
    if (!(error instanceof StateUnusable) || spec.stack.length === 0) throw error;
    if (spec.again !== undefined) return { unusable: error.message };
    return { unusable: `an earlier snapshot cannot be used: ${error.message}` };
  }
}

/** Whether a CACHE comes at or after a step: a machine takes for saved what was when it was booted. */
export function isCacheAhead(next: number, { steps }: Chain): boolean {
  return steps.slice(next).some(({ step }) => step.kind === 'cache');
}

/** How many copies begin at a position: all, where nothing has been done since the SPLIT. */
function forksAt({ split, next }: Position, { steps }: Chain): number {
  const done = steps.slice(0, next).findLast(({ step }) => isWorking(step) || step.kind === 'split');
  return split !== null && done?.step.kind === 'split' ? split.count : 1;
}

/** MEMORY in force, or all that the host has, with a warning. */
function cappedMemory({ chain, ports, emit, runner }: RunContext): number | null {
  const { memoryBytes } = chain;
  if (memoryBytes === null || memoryBytes <= ports.hostMemoryBytes) return memoryBytes;
  const has = Math.floor(ports.hostMemoryBytes / 2 ** 20);
  const message = `MEMORY asks for ${Math.ceil(memoryBytes / 2 ** 20)}M, the host has ${has}M: it gets those`;
  emit({ kind: 'note', runner, level: 'warning', message });
  return ports.hostMemoryBytes;
}

/** A snapshot's stack with its views as this run has them: a CLONE's tree is another one after a commit. */
function currentViews(stack: readonly StackEntry[], position: Position): readonly StackEntry[] {
  return stack.map((entry): StackEntry => {
    if (entry.kind !== 'view') return entry;
    const view = position.views[entry.view.ordinal];
    if (!view) throw new Error(`the snapshot has a view ${entry.view.ordinal} that its chain has not`);
    return { kind: 'view', view: view.spec };
  });
}

/** The same wherever a step may find its result, whichever Layerfile made it: nothing but what stands in its key. */
function hostname({ split }: Position): string {
  return split === null ? 'machine' : `machine-${split.index + 1}`;
}

/** Takes up what ran in the background when the machine's memory was saved, and still does. */
function resume(
  trail: readonly Position[],
  { bench, context }: { readonly bench: Bench; readonly context: RunContext },
): { readonly kind: 'up'; readonly first: null } | GoBack {
  const records = (trail.at(-1)?.state.background ?? []).filter((one) => !one.ended);
  const steps = records.map(({ step }) => context.chain.steps[step]);
  if (bench.resume(steps.filter((one) => one !== undefined))) return { kind: 'up', first: null };
  return {
    kind: 'again',
    before: records[0]?.step ?? 0,
    note: 'a restored machine has not the background processes that it was kept with: going back to before them',
    reason: goingBack,
  };
}

/** Starts again what ran in the background of a snapshot, and waits until it listens where it listened. */
async function restart(
  trail: readonly Position[],
  { bench, context }: { readonly bench: Bench; readonly context: RunContext },
): Promise<{ readonly kind: 'up'; readonly first: number | null } | GoBack> {
  const { chain, emit, runner, ports, signal } = context;
  const records = (trail.at(-1)?.state.background ?? []).filter((one) => !one.ended);
  const first = records[0]?.step ?? null;
  for (const { step, ports: awaited } of records) {
    const chainStep = chain.steps[step];
    const position = trail.find((one) => one.next === step);
    if (!chainStep || !position) throw new Error('a background process without its step');
    const title = chainStep.step.title;
    emit({ kind: 'note', runner, level: 'info', message: `starting again: ${title}` });
    const { ended } = await bench.background(chainStep, position);
    const again = (why: string) =>
      ({
        kind: 'again',
        before: first ?? 0,
        note: `${title} ${why} after a restore: going back to before it`,
        reason: goingBack,
      }) as const;
    if (ended !== null && !(ended.kind === 'exited' && ended.code === 0)) return again('did not stay up');
    const deadline = ports.clock.now() + portWaitMs;
    for (;;) {
      signal.throwIfAborted();
      const open = await bench.ports(step);
      if (awaited.every((port) => open.includes(port))) break;
      if (bench.ended(step) !== null) return again('ended');
      if (ports.clock.now() > deadline) return again(`did not listen on ${awaited.join(', ')} again within 60 s`);
      await sleep(50, signal);
    }
  }
  return { kind: 'up', first };
}
