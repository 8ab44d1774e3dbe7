import type { ChainStep } from './chain.ts';
import type { RunContext } from './context.ts';
import { isWorking } from './instruction.ts';
import { holding, keyStep, lookUp, type Hit } from './lookup.ts';
import type { Position } from './position.ts';
import { passed, steer } from './steer.ts';
import type { Instance, StepKey } from './store.ts';

/** Why skipping stopped. `key`: of the step that misses; null where it cannot even be asked for. */
export type Stop =
  | { readonly kind: 'end' }
  | { readonly kind: 'miss'; readonly reason: string; readonly key: StepKey | null }
  | { readonly kind: 'button'; readonly chainStep: ChainStep }
  | { readonly kind: 'cancelled'; readonly why: string };

/** How far instances hold. */
export interface Walked {
  /** All positions from the chain's root on. */
  readonly trail: readonly Position[];
  /** What was found for each of the last positions; null for steering steps. */
  readonly found: readonly Found[];
  readonly stop: Stop;
}

export interface Found {
  readonly position: Position;
  readonly instance: Instance | null;
  /** How many of its observations hold. */
  readonly reads: number;
  readonly chainStep: ChainStep;
}

/** How often a walk turns back to try another instance: keeps a store full of equal results from costing more than it saves. */
const mostTries = 100;

/**
 * Goes over a chain from where `trail` ends to before the step `stop`, as far as instances hold. Where several of one step hold (runs at the same time,
 * Layerfiles that begin alike), it takes the one that leads farthest, of equal ones the newest.
 */
export function walk(
  stop: number,
  { trail, context }: { readonly trail: readonly Position[]; readonly context: RunContext },
): Promise<Walked> {
  return walkOn({ trail, found: [], stop: { kind: 'end' } }, { stop, context, tries: { left: mostTries } });
}

interface Way {
  readonly stop: number;
  readonly context: RunContext;
  readonly tries: { left: number };
}

async function walkOn(sofar: Walked, way: Way): Promise<Walked> {
  const { context } = way;
  const { chain } = context;
  const trail = [...sofar.trail];
  const found = [...sofar.found];
  const end = (stop: Stop): Walked => ({ trail, found, stop });
  const take = (position: Position, one: Omit<Found, 'position'>): void => {
    trail.push(position);
    found.push({ position, ...one });
  };
  for (;;) {
    context.signal.throwIfAborted();
    const position = last(trail);
    const chainStep = chain.steps[position.next];
    if (!chainStep || position.next >= way.stop) return end({ kind: 'end' });
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
      take(next, { instance: null, reads: 0, chainStep });
      continue;
    }
    const hits = await hitsAt(chainStep, position, context);
    if (hits.kind === 'miss') return end(hits);
    const follow = ({ position: next, instance, reads }: Hit): Promise<Walked> => {
      const one = { position: next, instance, reads, chainStep };
      return walkOn({ trail: [...trail, next], found: [...found, one], stop: { kind: 'end' } }, way);
    };
    let best = await follow(hits.first);
    if (best.stop.kind !== 'miss' || way.tries.left <= 0) return best;
    for (const other of hits.others()) {
      if (way.tries.left <= 0) break;
      way.tries.left -= 1;
      const whole = await follow(other);
      if (whole.stop.kind !== 'miss') return whole;
      if (isFarther(whole, best)) best = whole;
    }
    return best;
  }
}

async function hitsAt(
  chainStep: ChainStep,
  position: Position,
  context: RunContext,
): Promise<Extract<Stop, { kind: 'miss' }> | { readonly kind: 'hits'; readonly first: Hit; others(): readonly Hit[] }> {
  const keyed = await keyStep(chainStep, position, context);
  if ('wrong' in keyed) return { kind: 'miss', reason: keyed.wrong, key: null };
  const { forced } = context;
  if (chainStep.index >= forced.from) {
    const [first, ...others] = (await holding(keyed, position, context)).filter(({ instance }) =>
      context.sharing.isOfThisRun(instance.id),
    );
    if (!first) return { kind: 'miss', reason: forced.reason, key: keyed.key };
    return { kind: 'hits', first, others: () => others };
  }
  const found = await lookUp(keyed, position, context);
  return found.kind === 'miss' ? { ...found, key: keyed.key } : found;
}

/** Whether one walk came farther than another, or as far with a state nearer to restore. */
export function isFarther(one: Walked, other: Walked): boolean {
  const reach = (walked: Walked): number => last(walked.trail).next;
  const kept = (walked: Walked): number => walked.trail.findLast(({ data }) => data !== null)?.next ?? 0;
  return reach(one) > reach(other) || (reach(one) === reach(other) && kept(one) > kept(other));
}

/**
 * Takes away what a forced step could be skipped to, after whatever instances hold before it: an interrupted run must not leave a way to it. What this
 * very run has made stays.
 */
export async function retireForced(root: Position, context: RunContext): Promise<void> {
  const { chain, forced, ports, sharing } = context;
  const todo = [root];
  for (let position = todo.pop(); position !== undefined; position = todo.pop()) {
    context.signal.throwIfAborted();
    const chainStep = chain.steps[position.next];
    if (!chainStep) continue;
    if (!isWorking(chainStep.step)) {
      const steered = steer(chainStep, position, context);
      if (steered.kind === 'button') continue;
      todo.push(steered.kind === 'on' ? steered.position : passed(chainStep, position, context).position);
      continue;
    }
    const keyed = await keyStep(chainStep, position, context);
    if ('wrong' in keyed) continue;
    const hits = await holding(keyed, position, context);
    if (chainStep.index < forced.from) todo.push(...hits.map((hit) => hit.position));
    else await ports.store.retire(hits.map((hit) => hit.instance.id).filter((id) => !sharing.isOfThisRun(id)));
  }
}

function last(trail: readonly Position[]): Position {
  const position = trail.at(-1);
  if (!position) throw new Error('a trail has a root');
  return position;
}
