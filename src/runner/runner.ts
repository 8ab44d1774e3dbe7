import type { ChainStep } from './chain.ts';
import type { RunContext } from './context.ts';
import { isWorking } from './instruction.ts';
import { holding, keyStep, lookUp } from './lookup.ts';
import { stepName } from './names.ts';
import type { Position } from './position.ts';
import { session } from './session.ts';
import { passed, skippedByCondition, steer } from './steer.ts';
import type { Instance } from './store.ts';

/** How far a runner came. `stale`: it only looked, and there is work. */
export type RunnerEnd =
  | { readonly kind: 'done'; readonly trail: readonly Position[]; readonly ran: boolean }
  | { readonly kind: 'stale' }
  | { readonly kind: 'failed' | 'cancelled' | 'broken'; readonly why: string }
  | { readonly kind: 'waiting'; readonly message: string };

/** Why skipping stopped. */
type Stop =
  | { readonly kind: 'end' }
  | { readonly kind: 'miss'; readonly reason: string }
  | { readonly kind: 'button'; readonly chainStep: ChainStep }
  | { readonly kind: 'cancelled'; readonly why: string };

interface Skipped {
  readonly trail: readonly Position[];
  /** What was found for each position after the first ones given; null for steering steps. */
  readonly found: readonly {
    readonly position: Position;
    readonly instance: Instance | null;
    readonly reads: number;
    readonly chainStep: ChainStep;
  }[];
  readonly stop: Stop;
}

/** Takes a chain from where `trail` ends to before the step `stop`: skips what holds, runs the rest. */
export async function runTo(
  stop: number,
  { trail, context }: { readonly trail: readonly Position[]; readonly context: RunContext },
): Promise<RunnerEnd> {
  const skipped = await skip(stop, { trail, context });
  if (skipped.stop.kind === 'end') {
    await report(skipped, skipped.trail.length, context);
    return { kind: 'done', trail: skipped.trail, ran: false };
  }
  if (context.mode.kind === 'look') return { kind: 'stale' };
  if (skipped.stop.kind === 'cancelled') {
    await report(skipped, skipped.trail.length, context);
    return { kind: 'cancelled', why: skipped.stop.why };
  }
  return workOn(stop, { skipped, context });
}

async function workOn(
  stop: number,
  { skipped, context }: { readonly skipped: Skipped; readonly context: RunContext },
): Promise<RunnerEnd> {
  const missed = missingSecret(context);
  if (missed !== null) return { kind: 'broken', why: missed };
  let trail = skipped.trail;
  let resume = deepest(trail, Infinity);
  const reasons = new Map<number, string>();
  const at = trail.at(-1)?.next ?? 0;
  // Where the start was made in this run, that is the reason.
  if (skipped.stop.kind === 'miss' && last(trail).found) reasons.set(at, skipped.stop.reason);
  if (skipped.stop.kind === 'button') {
    await report(skipped, skipped.trail.length, context);
    if (!(await pressed(skipped.stop.chainStep, context))) return waiting(skipped.stop.chainStep);
    trail = [...trail, passed(skipped.stop.chainStep, last(trail), context).position];
    reasons.set(last(trail).next, 'it comes after a BUTTON');
    resume = deepest(trail, Infinity);
  } else {
    await report(skipped, resume + 1, context);
  }
  unkeptReasons(trail, { resume, reasons });
  for (;;) {
    const end = await session({
      trail: trail.slice(0, resume + 1),
      context,
      stop,
      reason: (index) => reasons.get(index) ?? null,
    });
    switch (end.kind) {
      case 'done':
        return { kind: 'done', trail: end.trail, ran: true };
      case 'again':
        if (end.note !== null)
          context.emit({ kind: 'note', runner: context.runner, level: 'warning', message: end.note });
        resume = deepest(trail, end.before);
        reasons.set(last(trail.slice(0, resume + 1)).next, end.reason);
        break;
      case 'renew':
        trail = end.trail;
        resume = deepest(trail, Infinity);
        unkeptReasons(trail, { resume, reasons });
        break;
      case 'button':
        if (!(await pressed(end.chainStep, context))) return waiting(end.chainStep);
        trail = [...end.trail, passed(end.chainStep, last(end.trail), context).position];
        resume = deepest(trail, Infinity);
        unkeptReasons(trail, { resume, reasons });
        reasons.set(last(trail).next, 'it comes after a BUTTON');
        break;
      case 'failed':
      case 'cancelled':
      case 'broken':
        return end;
    }
  }
}

/** Goes over the chain as far as instances hold. */
async function skip(
  stop: number,
  { trail, context }: { readonly trail: readonly Position[]; readonly context: RunContext },
): Promise<Skipped> {
  const { chain, forced } = context;
  const positions = [...trail];
  const found: Skipped['found'][number][] = [];
  const end = (one: Stop): Skipped => ({ trail: positions, found, stop: one });
  for (;;) {
    context.signal.throwIfAborted();
    const position = last(positions);
    const chainStep = chain.steps[position.next];
    if (!chainStep || position.next >= stop) return end({ kind: 'end' });
    if (!isWorking(chainStep.step)) {
      const steered = steer(chainStep, position, context);
      if (steered.kind === 'button') return end({ kind: 'button', chainStep });
      let next = steered.kind === 'on' ? steered.position : null;
      if (steered.kind === 'wait') {
        const why = await context.awaited(steered.step.layers.map((one) => one.id));
        if (why !== null) return end({ kind: 'cancelled', why });
        next = passed(chainStep, position, context).position;
      }
      if (next === null) throw new Error('a steering step leads on');
      positions.push(next);
      found.push({ position: next, instance: null, reads: 0, chainStep });
      continue;
    }
    const keyed = await keyStep(chainStep, position, context);
    if ('wrong' in keyed) return end({ kind: 'miss', reason: keyed.wrong });
    if (chainStep.index >= forced.from) {
      if (context.mode.kind === 'work') {
        const held = await holding(keyed, position, context);
        await context.ports.store.retire(held.map((one) => one.id));
      }
      return end({ kind: 'miss', reason: forced.reason });
    }
    const result = await lookUp(keyed, position, context);
    if (result.kind === 'miss') return end({ kind: 'miss', reason: result.reason });
    positions.push(result.position);
    found.push({ ...result, chainStep });
  }
}

/** Tells which of the runner's own steps are skipped: those whose positions stand before `until` in the trail. */
async function report(skipped: Skipped, until: number, context: RunContext): Promise<void> {
  const given = skipped.trail.length - skipped.found.length;
  const used = skipped.found.slice(0, Math.max(0, until - given));
  for (const { position, instance, reads, chainStep } of used) {
    const step = stepName(chainStep, context.runner);
    if (instance) {
      context.emit({
        kind: 'stepSkipped',
        step,
        instance: instance.id,
        reads,
        savedMs: instance.durationMs,
      });
    } else if (chainStep.step.kind === 'skipIf' && position.next > chainStep.index + 1) {
      context.emit({ kind: 'remainingSkipped', step, count: skippedByCondition(chainStep, context) });
    }
  }
  await context.ports.store.touch(used.flatMap(({ instance }) => instance?.id ?? []));
}

/** The last position with a snapshot whose next step is `before` at most. */
function deepest(trail: readonly Position[], before: number): number {
  const index = trail.findLastIndex((one) => one.data !== null && one.next <= before);
  if (index < 0) throw new Error('the root always has data');
  return index;
}

/** Steps that hold but must run again, because nothing after them was kept. */
function unkeptReasons(
  trail: readonly Position[],
  { resume, reasons }: { readonly resume: number; readonly reasons: Map<number, string> },
): void {
  const first = trail[resume];
  const after = trail.slice(resume + 1).find((one) => one.found && one.data === null);
  if (!first || !after) return;
  const why = after.notKept === null ? 'no snapshot was kept after it' : `nothing was kept after it: ${after.notKept}`;
  reasons.set(first.next, why);
}

async function pressed(chainStep: ChainStep, context: RunContext): Promise<boolean> {
  return (await context.press(chainStep)) === 'pressed';
}

function waiting(chainStep: ChainStep): RunnerEnd {
  return { kind: 'waiting', message: chainStep.step.kind === 'button' ? chainStep.step.message : '' };
}

/** How to give the first secret that the chain wants and nobody gave; null where there is none. */
export function missingSecret(context: RunContext): string | null {
  const { secrets } = context.ports;
  for (const { step } of context.chain.steps) {
    if (step.kind !== 'secretEnv') continue;
    const missing = step.names.find(({ name }) => !secrets.optional(name) && secrets.value(name) === null);
    if (missing) return secrets.advice(missing.name);
  }
  return null;
}

function last(trail: readonly Position[]): Position {
  const position = trail.at(-1);
  if (!position) throw new Error('a trail has a root');
  return position;
}
