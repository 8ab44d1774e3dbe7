import { randomBytes } from 'node:crypto';
import type { Layer, LayerId, Plan } from '../ir/ir.ts';
import { copiesOf, runnersOf, type Runner } from '../ir/runners.ts';
import { chainOf, type Chain } from './chain.ts';
import type { Forced, Mode, Root, RunContext, Slots } from './context.ts';
import type { Listener, RunnerName, RunnerOutcome } from './events.ts';
import { runnerName } from './names.ts';
import { portsFor, type RunPorts } from './ports.ts';
import { startPosition, type Position } from './position.ts';
import { rootOn } from './root.ts';
import { createSharing } from './sharing.ts';
import { runTo, type RunnerEnd } from './runner.ts';

/** A runner and how it ended. */
export interface Finished {
  readonly runner: RunnerName;
  readonly context: RunContext;
  readonly end: RunnerEnd;
}

export interface Schedule {
  readonly plan: Plan;
  /** Closed under FROM and WAIT, in the plan's order. */
  readonly layers: readonly Layer[];
  readonly ports: RunPorts;
  readonly mode: Mode;
  readonly slots: Slots;
  readonly keepGoing: boolean;
  readonly forced: (chain: Chain) => Forced;
  readonly emit: Listener;
  readonly signal: AbortSignal;
  readonly startNs: bigint;
}

/** Takes all runners as far as they come: parents before children, WAIT before what waits, the rest at the same time. */
export async function schedule(request: Schedule): Promise<readonly Finished[]> {
  const { plan, layers, ports, mode, emit } = request;
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const run = randomBytes(16).toString('hex');
  const wanted = new Set(layers.map((layer) => layer.id));
  const runners = runnersOf(plan).filter((one) => wanted.has(one.layer));
  const ends = new Map<string, Promise<Finished>>();
  const prefixes = new Map<LayerId, Promise<RunnerEnd>>();
  const sharing = createSharing();
  const clones = new Map<string, ReturnType<RunContext['clone']>>();
  const trees = mode.kind === 'look' ? mode.trees : mode.inputs;

  const contextOf = (runner: Runner, name: RunnerName, chain: Chain): RunContext => {
    const pressed = new Set<number>();
    return {
      ports: portsFor(ports, chain),
      runner: name,
      chain,
      root: null,
      mode,
      trees,
      forced: request.forced(chain),
      slots: request.slots,
      sharing,
      signal,
      emit,
      copy: runner.copy,
      run,
      startNs: request.startNs,
      pressed,
      awaited: async (ids) => {
        const awaited = runners.filter((one) => ids.includes(one.layer));
        for (const finished of await Promise.all(awaited.map((one) => ends.get(one.id)))) {
          if (finished && finished.end.kind !== 'done') return `${finished.runner.label} ${endWord(finished.end)}`;
        }
        return null;
      },
      clone: (source) => {
        const key = JSON.stringify([source.url, source.defaultBranch]);
        const known = clones.get(key) ?? cloneOnce(source, { ports, signal, emit });
        clones.set(key, known);
        return known;
      },
      press: async (chainStep) => {
        const { step } = chainStep;
        if (step.kind !== 'button') throw new Error('only a BUTTON is pressed');
        const named = { runner: name, index: chainStep.index, title: step.title, span: step.span };
        emit({ kind: 'button', step: named, message: step.message });
        const answer = await ports.press.ask(step.message, signal);
        if (answer !== 'pressed') return answer;
        pressed.add(chainStep.index);
        emit({ kind: 'pressed', step: named, message: step.message });
        return answer;
      },
    };
  };

  const parentOf = (runner: Runner, layer: Layer): Promise<Finished> | null => {
    const { base } = layer;
    if (base.kind === 'machine') return null;
    const parents = runners.filter((one) => one.layer === base.id);
    const parent = parents.find((one) => one.copy === null || one.copy === runner.copy) ?? null;
    const end = parent && ends.get(parent.id);
    if (!end) throw new Error(`the parent of ${layer.id} is not scheduled`);
    return end;
  };

  const take = async (runner: Runner, layer: Layer, rootless: RunContext): Promise<RunnerEnd> => {
    const parent = await parentOf(runner, layer);
    if (parent && parent.end.kind !== 'done') {
      return { kind: 'cancelled', why: `${parent.runner.label} ${endWord(parent.end)}` };
    }
    const root = await rootOf(rootless);
    if ('kind' in root) return root;
    const context: RunContext = { ...rootless, root };
    const inherited =
      parent?.end.kind === 'done' && parent.end.trail[0]?.instance === root.id ? parent.end.trail : null;
    const trail: readonly Position[] = inherited ?? [startPosition(root.id)];
    const elsewhere = parent?.end.kind === 'done' && !parent.end.ran;
    const split = layer.steps.findIndex((step) => step.kind === 'split');
    if (split < 0) return runTo(context.chain.steps.length, { trail, context, elsewhere });
    const at = context.chain.own + split;
    const before =
      prefixes.get(layer.id) ??
      runTo(at, { trail, context: { ...context, runner: wholeName(layer, context.runner) }, elsewhere });
    prefixes.set(layer.id, before);
    const prefix = await before;
    if (prefix.kind !== 'done') return prefix;
    // SKIP REMAINING IF before the SPLIT has ended the file already.
    const ran = prefix.ran && runner.copy === 0;
    const end = await runTo(context.chain.steps.length, { trail: prefix.trail, context, elsewhere: false });
    return end.kind === 'done' ? { ...end, ran: end.ran || ran } : end;
  };

  for (const runner of runners) {
    const layer = layers.find((one) => one.id === runner.layer);
    if (!layer) continue;
    const name = runnerName(runner, layer, copiesOf(plan, layer.id));
    const context = contextOf(runner, name, chainOf(plan, layer.id));
    // Started in a later turn, so that every runner's end is known by name before anyone asks for it.
    const end = Promise.resolve().then(async (): Promise<Finished> => {
      const began = ports.clock.now();
      emit({ kind: 'runnerStarted', runner: name });
      const result = await take(runner, layer, context).catch((error: unknown): RunnerEnd => {
        if (!signal.aborted) {
          stop.abort(error);
          throw error;
        }
        return { kind: 'cancelled', why: stopReason(request.signal) };
      });
      const durationMs = ports.clock.now() - began;
      if (result.kind !== 'stale') emit({ kind: 'runnerEnded', runner: name, outcome: outcomeOf(result), durationMs });
      if ((result.kind === 'failed' || result.kind === 'broken') && !request.keepGoing) {
        stop.abort(new Error(`${name.label} ${endWord(result)}`));
      }
      return { runner: name, context, end: result };
    });
    ends.set(runner.id, end);
  }
  return settle([...ends.values()]);
}

/** All of them, also where one throws: nothing is left running behind the error. */
async function settle(ends: readonly Promise<Finished>[]): Promise<readonly Finished[]> {
  const settled = await Promise.allSettled(ends);
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

function stopReason(outer: AbortSignal): string {
  return outer.aborted ? 'stopped' : 'another failed';
}

async function rootOf(context: RunContext): Promise<Root | RunnerEnd> {
  const { ports, chain, mode, emit, signal } = context;
  let digest = await ports.bases.digest(chain.machine);
  if (digest === null) {
    if (mode.kind === 'look') return { kind: 'stale' };
    const progress = (message: string): void => emit({ kind: 'baseProgress', machine: chain.machine.name, message });
    const base = await ports.bases.provide(chain.machine, { progress, signal });
    if ('failure' in base) return { kind: 'broken', why: base.failure };
    digest = base.digest;
  }
  return rootOn(digest, context);
}

async function cloneOnce(
  source: { readonly url: string; readonly defaultBranch: string | null },
  { ports, signal, emit }: { readonly ports: RunPorts; readonly signal: AbortSignal; readonly emit: Listener },
): ReturnType<RunContext['clone']> {
  const found = await ports.inputs.clone(source, signal);
  if ('failure' in found) return found;
  if (found.warning !== null) emit({ kind: 'note', runner: null, level: 'warning', message: found.warning });
  return { tree: found.tree };
}

/** The name of what all copies of a SPLIT have in common: the first copy's, without a number. */
function wholeName(layer: Layer, first: RunnerName): RunnerName {
  return { ...runnerName({ id: first.id, layer: layer.id, copy: null }, layer, null), id: layer.id };
}

function outcomeOf(end: Exclude<RunnerEnd, { kind: 'stale' }>): RunnerOutcome {
  switch (end.kind) {
    case 'done':
      return { kind: 'succeeded', ran: end.ran };
    case 'failed':
    case 'cancelled':
    case 'broken':
      return { kind: end.kind, why: end.why };
    case 'waiting':
      return { kind: 'waiting', message: end.message };
  }
}

function endWord(end: RunnerEnd): string {
  switch (end.kind) {
    case 'done':
      return 'succeeded';
    case 'stale':
      return 'has to run';
    case 'failed':
    case 'broken':
      return 'failed';
    case 'cancelled':
      return 'was cancelled';
    case 'waiting':
      return 'waits for a press';
  }
}
