import type { ChainStep } from './chain.ts';
import type { RunContext } from './context.ts';
import { stepName } from './names.ts';
import type { Position } from './position.ts';
import { session } from './session.ts';
import type { Claims } from './sharing.ts';
import { passed, skippedByCondition, steer } from './steer.ts';
import type { StepKey } from './store.ts';
import { isFarther, retireForced, walk, type Walked } from './walk.ts';

/** How far a runner came. `stale`: it only looked, and there is work. */
export type RunnerEnd =
  | { readonly kind: 'done'; readonly trail: readonly Position[]; readonly ran: boolean }
  | { readonly kind: 'stale' }
  | { readonly kind: 'failed' | 'cancelled' | 'broken'; readonly why: string }
  | { readonly kind: 'waiting'; readonly message: string };

/** Where a runner begins. */
export interface Beginning {
  readonly trail: readonly Position[];
  readonly context: RunContext;
  /** Whether the trail may be left for another one from the same root: its own steps may hang on other results of what is before them. */
  readonly elsewhere: boolean;
}

/** Takes a chain from where `trail` ends to before the step `stop`: skips what holds, runs the rest. */
export async function runTo(stop: number, beginning: Beginning): Promise<RunnerEnd> {
  const { context } = beginning;
  const claims = context.sharing.claims();
  const splitClaims = context.sharing.claims();
  let from = beginning;
  try {
    for (;;) {
      const skipped = await skip(stop, from);
      const key = skipped.stop.kind === 'miss' && context.mode.kind === 'work' ? skipped.stop.key : null;
      const lost = key === null ? null : lostSplit(skipped.trail, { stop, context });
      const keys = [key, lost?.key ?? null].filter((one) => one !== null);
      const [others] = keys.flatMap((one) => context.sharing.underWay(one) ?? []);
      if (others === undefined) {
        if (key !== null) claims.take(key);
        if (lost !== null) splitClaims.take(lost.key);
        return await goOn(stop, { skipped, context, claims, splitClaims });
      }
      await others;
      // What another copy did again has new results: all copies go on from those.
      if (lost !== null) from = { ...from, elsewhere: true };
    }
  } finally {
    claims.release();
    splitClaims.release();
  }
}

/** How far instances hold, on the trail or, where that leads farther, on another one from its root. */
async function skip(stop: number, { trail, context, elsewhere }: Beginning): Promise<Walked> {
  const here = await walk(stop, { trail, context });
  const [root] = trail;
  if (!elsewhere || here.stop.kind !== 'miss' || trail.length < 2 || !root) return here;
  const other = await walk(stop, { trail: [root], context });
  if (!isFarther(other, here)) return here;
  return { ...other, found: other.found.filter(({ chainStep }) => chainStep.index >= context.chain.own) };
}

interface Going {
  readonly skipped: Walked;
  readonly context: RunContext;
  readonly claims: Claims;
  /** Held until a SPLIT that was lost has been come to again. */
  readonly splitClaims: Claims;
}

async function goOn(stop: number, { skipped, context, claims, splitClaims }: Going): Promise<RunnerEnd> {
  if (skipped.stop.kind === 'end') {
    await report(skipped, skipped.trail.length, context);
    return { kind: 'done', trail: skipped.trail, ran: false };
  }
  if (context.mode.kind === 'look') return { kind: 'stale' };
  if (skipped.stop.kind === 'cancelled') {
    await report(skipped, skipped.trail.length, context);
    return { kind: 'cancelled', why: skipped.stop.why };
  }
  return workOn(stop, { skipped, context, claims, splitClaims });
}

async function workOn(stop: number, { skipped, context, claims, splitClaims }: Going): Promise<RunnerEnd> {
  const [root] = skipped.trail;
  if (skipped.stop.kind === 'miss' && root && last(skipped.trail).next >= context.forced.from)
    await retireForced(root, context);
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
  let wakes = false;
  let split = lostSplit(trail, { stop, context })?.index ?? null;
  for (;;) {
    const end = await session({
      trail: trail.slice(0, resume + 1),
      context,
      claims,
      stop: split ?? stop,
      wakes,
      reason: (index) => reasons.get(index) ?? null,
    });
    wakes = end.kind === 'button' && end.hibernated;
    switch (end.kind) {
      case 'done': {
        const at = context.chain.steps[last(end.trail).next];
        if (split === null || at?.index !== split) return { kind: 'done', trail: end.trail, ran: true };
        const steered = steer(at, last(end.trail), context);
        if (steered.kind !== 'on') throw new Error('a SPLIT leads on');
        trail = [...end.trail, steered.position];
        resume = deepest(trail, Infinity);
        split = null;
        splitClaims.release();
        unkeptReasons(trail, { resume, reasons });
        break;
      }
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
        claims.release();
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

/** Tells which of the runner's own steps are skipped: those whose positions stand before `until` in the trail. */
async function report(skipped: Walked, until: number, context: RunContext): Promise<void> {
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

/**
 * The SPLIT that a copy has to come to again, because what had been kept there is gone: one copy does, and each goes on from there in a machine of its own, as
 * after every SPLIT, for a machine has its copy's name. Null where none is, or where nothing could be kept there in this very run.
 */
function lostSplit(
  trail: readonly Position[],
  { stop, context }: { readonly stop: number; readonly context: RunContext },
): { readonly index: number; readonly key: StepKey } | null {
  const from = trail[deepest(trail, Infinity)]?.next ?? 0;
  const split = context.chain.steps.find(({ step, index }) => step.kind === 'split' && index > from && index < stop);
  if (split === undefined) return null;
  const before = trail.findLast(({ next }) => next <= split.index);
  return before?.found === true ? { index: split.index, key: `to ${before.instance}` as StepKey } : null;
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

function last(trail: readonly Position[]): Position {
  const position = trail.at(-1);
  if (!position) throw new Error('a trail has a root');
  return position;
}
