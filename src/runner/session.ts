import type { ChainStep } from './chain.ts';
import { endStep, type Keeping } from './end-step.ts';
import { keepFailure } from './failure.ts';
import type { RunContext } from './context.ts';
import type { Exit } from './driver.ts';
import { MachineLost } from './driver.ts';
import { hibernate } from './hibernate.ts';
import { isWorking } from './instruction.ts';
import { keyStep, secretsInForce } from './lookup.ts';
import { stepName } from './names.ts';
import type { Position } from './position.ts';
import { record } from './record.ts';
import { continueFrom, inherited, startsAnew, startStateOf, union, type StartState } from './repeat.ts';
import { goingBack, isCacheAhead, openMachine, type GoBack, type OpenMachine } from './restore.ts';
import type { InstanceId } from './store.ts';
import type { Claims } from './sharing.ts';
import { passed, skippedByCondition, steer } from './steer.ts';
import { workStep } from './step.ts';
import { publishVolumes } from './volumes.ts';

/** How a stretch of work on one machine ended. */
export type SessionEnd =
  | { readonly kind: 'done'; readonly trail: readonly Position[] }
  /** At an open BUTTON: the machine is gone, its state is kept where it could be. */
  | {
      readonly kind: 'button';
      readonly trail: readonly Position[];
      readonly chainStep: ChainStep;
      /** With all that ran in it: to be woken. */
      readonly hibernated: boolean;
    }
  | GoBack
  /** After a WAIT: a new machine sees what has been saved meanwhile. */
  | { readonly kind: 'renew'; readonly trail: readonly Position[] }
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'cancelled'; readonly why: string }
  | { readonly kind: 'broken'; readonly why: string };

export interface SessionStart {
  /** All positions from the chain's root to the one to restore, which has data. */
  readonly trail: readonly Position[];
  readonly context: RunContext;
  /** Moves with the step that it is at. */
  readonly claims: Claims;
  /** Stop before this step. */
  readonly stop: number;
  /** The machine was hibernated in this run. */
  readonly wakes?: boolean;
  /** Why a step runs that comes before anything else did. */
  readonly reason: (index: number) => string | null;
}

/** Boots or restores a machine and does all steps from there on, each with its instance, until the end, a BUTTON or a failure. */
export async function session(start: SessionStart): Promise<SessionEnd> {
  const { context } = start;
  const release = await context.slots.take(context.signal);
  const slot = { release };
  try {
    return await sessionInSlot(start, slot);
  } catch (error) {
    if (context.signal.aborted) return { kind: 'cancelled', why: 'stopped' };
    if (error instanceof MachineLost) return { kind: 'broken', why: `the machine was lost: ${error.message}` };
    throw error;
  } finally {
    slot.release();
  }
}

async function sessionInSlot(start: SessionStart, slot: { release: () => void }): Promise<SessionEnd> {
  const { context } = start;
  const begin = await startState(start);
  const { clock } = context.ports;
  const beganMs = clock.now();
  const opened = await openMachine(start.trail, context, begin);
  if (opened.kind !== 'open') return opened;
  if (start.wakes === true)
    context.emit({ kind: 'machineWoken', runner: context.runner, durationMs: clock.now() - beganMs });
  await using machine = opened.machine;
  // The very object, not a copy: it learns of trees.
  return await work(start, Object.assign(opened, { machine, slot, begins: start.trail.at(-1)?.next ?? 0 }));
}

/** Where the first step to run is a RUN REPEATABLE: what it can go on from. */
async function startState({ trail, context }: SessionStart): Promise<StartState | null> {
  const position = trail.at(-1);
  const chainStep = position && context.chain.steps[position.next];
  if (!chainStep || chainStep.step.kind !== 'run' || chainStep.step.mode !== 'repeatable') return null;
  const keyed = await keyStep(chainStep, position, context);
  return 'wrong' in keyed ? null : startStateOf(keyed, position, context);
}

interface Machinery extends Omit<OpenMachine, 'kind'> {
  /** Index of the step that `begin` is for. */
  readonly begins: number;
  readonly slot: { release: () => void };
}

async function work(start: SessionStart, machinery: Machinery): Promise<SessionEnd> {
  const { context, stop } = start;
  const { slot } = machinery;
  const { chain, emit, runner, signal, ports } = context;
  const trail = [...start.trail];
  let position = trail.at(-1) as Position;
  const keeping: Keeping = { data: position.data, notKept: null, keptAtMs: ports.clock.now(), room: true };
  for (;;) {
    signal.throwIfAborted();
    const chainStep = chain.steps[position.next];
    if (!chainStep || position.next >= stop) break;
    if (!isWorking(chainStep.step)) {
      const steered = steer(chainStep, position, context);
      if (steered.kind === 'button')
        return { kind: 'button', chainStep, ...(await hibernate(trail, { machinery, context })) };
      if (steered.kind === 'wait') {
        const ids = steered.step.layers.map((one) => one.id);
        emit({ kind: 'waiting', runner, for: ids });
        slot.release();
        start.claims.release();
        const why = await context.awaited(ids);
        if (why !== null) return { kind: 'cancelled', why };
        slot.release = await context.slots.take(signal);
        position = passed(chainStep, position, context).position;
        if (position.data !== null && isCacheAhead(position.next, chain))
          return { kind: 'renew', trail: [...trail, position] };
      } else {
        if (steered.position.next > position.next + 1) {
          emit({
            kind: 'remainingSkipped',
            step: stepName(chainStep, runner),
            count: skippedByCondition(chainStep, context),
          });
        }
        position = steered.position;
      }
      trail.push(position);
      continue;
    }
    const own = start.reason(chainStep.index);
    const { claims } = start;
    const result = await oneStep(chainStep, { position, context, claims, machinery, keeping, reason: own, stop });
    if (result.kind === 'failed') {
      const at = machinery.restartedAt;
      if (at !== null && result.again) {
        return {
          kind: 'again',
          before: at,
          note: `${chainStep.step.title} failed after background processes were started again: repeating it from before them`,
          reason: goingBack,
        };
      }
      return failure(chainStep, result, context);
    }
    position = result.position;
    trail.push(position);
  }
  if (position.next >= chain.steps.length && position.state.caches.length > 0 && (context.copy ?? 0) === 0) {
    const { machine } = machinery;
    const stack = keeping.data?.stack ?? trail.findLast((one) => one.data !== null)?.data?.stack ?? [];
    for (const why of await publishVolumes(position.state.caches, {
      machine,
      context,
      stack,
      mtimes: machinery.mtimes,
      secrets: secretsInForce(position, context).length > 0 ? 'in force' : 'none',
    })) {
      emit({ kind: 'note', runner, level: 'warning', message: `CACHE was not saved: ${why}` });
    }
  }
  return { kind: 'done', trail };
}

function failure(
  chainStep: ChainStep,
  result: Extract<StepResult, { kind: 'failed' }>,
  context: RunContext,
): SessionEnd {
  const { exit, why, tail, kept } = result;
  if (context.signal.aborted || exit.kind === 'cancelled') return { kind: 'cancelled', why: 'stopped' };
  context.emit({ kind: 'stepFailed', step: stepName(chainStep, context.runner), exit, why, tail, kept });
  return { kind: exit.kind === 'lost' ? 'broken' : 'failed', why: `${chainStep.step.title}: ${why}` };
}

type StepResult =
  | { readonly kind: 'done'; readonly position: Position }
  | {
      readonly kind: 'failed';
      readonly exit: Exit;
      readonly why: string;
      readonly tail: string;
      /** The machine as it is now, to be entered. */
      readonly kept: InstanceId | null;
      readonly again: boolean;
    };

/** Does one working step: expand, exec, end the step, keep its state, store its instance. */
async function oneStep(
  chainStep: ChainStep,
  {
    position,
    context,
    claims,
    machinery,
    keeping,
    reason,
    stop,
  }: {
    readonly position: Position;
    readonly context: RunContext;
    readonly claims: Claims;
    readonly machinery: Machinery;
    readonly keeping: Keeping;
    readonly reason: string | null;
    readonly stop: number;
  },
): Promise<StepResult> {
  const { emit, runner, ports } = context;
  const { bench, machine, aws } = machinery;
  const step = stepName(chainStep, runner);
  emit({
    kind: 'stepStarted',
    step,
    reason: reason ?? 'a step before it ran',
    because: reason === null ? 'follows' : 'cause',
  });
  const beganMs = ports.clock.now();
  const keyed = await keyStep(chainStep, position, context);
  if ('wrong' in keyed)
    return { kind: 'failed', exit: { kind: 'exited', code: 1 }, why: keyed.wrong, tail: '', kept: null, again: false };
  claims.take(keyed.key);
  if (keyed.instruction.kind === 'clone' && keyed.tree !== null) await machinery.learn(keyed.tree);
  const begin = await beginAt(chainStep, { position, context, machinery });
  const worked = await workStep(keyed, { chainStep, position, bench, context, aws });
  if (isLaid(chainStep, { bench, begin })) machinery.laid();
  if (worked.kind === 'failed') {
    const durationMs = ports.clock.now() - beganMs;
    const kept = keeping.room
      ? await keepFailure(worked, { chainStep, keyed, position, bench, context, durationMs, mtimes: machinery.mtimes })
      : null;
    return { ...worked, kept, again: chainStep.step.kind === 'run' && worked.exit.kind !== 'cancelled' };
  }
  const ended = await endStep(chainStep, {
    ...{ worked, bench, machine, context, keeping, mtimes: machinery.mtimes },
    last: chainStep.index + 1 === stop,
  });
  if (ended.fault !== null)
    return { kind: 'failed', exit: worked.exit, why: ended.fault, tail: worked.tail, kept: null, again: false };
  if (ended.doubt !== null && keeping.room) {
    // What comes after it stands on it.
    keeping.room = false;
    emit({ kind: 'stepNotKept', step, why: ended.doubt });
  }
  const durationMs = ports.clock.now() - beganMs;
  emit({ kind: 'stepEnded', step, exit: worked.exit, durationMs, reads: ended.observations.length });
  const background = await bench.backgroundsAfter(worked.state);
  const instance = await record({
    keyed: { ...keyed, ...keyed.dated },
    parent: position.instance,
    title: chainStep.step.title,
    observations: begin === null ? ended.observations : union(ended.observations, inherited(begin, position.views)),
    state: { ...worked.state, background },
    view: worked.view?.spec ?? null,
    exit: worked.exit,
    outputTail: worked.tail,
    durationMs,
    data: ended.data,
    notKept: ended.notKept,
    createdAt: ports.clock.now(),
  });
  if (keeping.room) {
    context.sharing.made(instance.id);
    const stored = await ports.store.insert(instance);
    if (!stored.stored) {
      keeping.room = false;
      emit({ kind: 'stepNotKept', step, why: stored.why });
    }
  }
  return {
    kind: 'done',
    position: {
      ...position,
      next: chainStep.index + 1,
      instance: instance.id,
      state: instance.state,
      views: worked.view ? [...position.views, worked.view] : position.views,
      aws: worked.aws,
      data: ended.data,
      notKept: ended.notKept,
      found: false,
    },
  };
}

/** Whether a step lays something into the machine that directories of views may show: a volume, what RUN REPEATABLE left, a COPY under processes. */
function isLaid(
  { step }: ChainStep,
  { bench, begin }: { readonly bench: OpenMachine['bench']; readonly begin: StartState | null },
): boolean {
  if (step.kind === 'copy' || step.kind === 'clone') return bench.busy;
  return step.kind === 'cache' || begin !== null;
}

/** Makes ready what a step goes on from; null where it runs from the state before it. */
async function beginAt(
  { index, step }: ChainStep,
  {
    position,
    context,
    machinery: { begin, begins, bench, machine },
  }: { readonly position: Position; readonly context: RunContext; readonly machinery: Machinery },
): Promise<StartState | null> {
  if (step.kind !== 'run' || step.mode !== 'repeatable') return null;
  if (begin === null || index !== begins) {
    await machine.setApart?.();
    return null;
  }
  if (begin.again !== null) return begin;
  if (bench.busy) {
    startsAnew('on the sandbox nothing can be put under what RUN BACKGROUND has started', context);
    return null;
  }
  await continueFrom(begin, { position, machine, context });
  return begin;
}
