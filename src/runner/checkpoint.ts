import type { Chain, ChainStep } from './chain.ts';
import { isWorking } from './instruction.ts';

/** Work that is worth a snapshot whose driver does not say what it costs. */
const usualWorthMs = 20_000;

/**
 * Whether the state after a step becomes a snapshot. Always at a Layerfile's end, before SPLIT, BUTTON and a possible end by SKIP REMAINING IF,
 * after RUN REPEATABLE and where CHECKPOINT follows; never else once CHECKPOINT disabled stands; otherwise before RUN REPEATABLE, and where it is cheap or the work since
 * the last one is worth it.
 */
export function wantsSnapshot({
  chain,
  index,
  cheap,
  sinceLastMs,
  worthMs = usualWorthMs,
}: {
  readonly chain: Chain;
  readonly index: number;
  readonly cheap: boolean;
  readonly sinceLastMs: number;
  /** How much work is worth one that is not cheap. */
  readonly worthMs?: number;
}): boolean {
  const here = chain.steps[index];
  if (!here) throw new Error('no such step');
  if (here.step.kind === 'run' && here.step.mode === 'repeatable') return true;
  for (const { step, layer } of chain.steps.slice(index + 1)) {
    if (layer !== here.layer || isWorking(step)) break;
    if (step.kind === 'split' || step.kind === 'button' || step.kind === 'skipIf') return true;
    if (step.kind === 'checkpoint' && step.mode === 'here') return true;
  }
  const later = chain.steps.slice(index + 1).find(({ step }) => isWorking(step));
  if (!later || later.layer !== here.layer) return true;
  const last = chain.steps.slice(0, index).findLast(({ step }) => step.kind === 'checkpoint')?.step;
  if (last?.kind === 'checkpoint' && last.mode === 'disabled') return false;
  // What is copied is edited most: the step that comes next runs again for it, and what is before it had better not.
  const before = chain.steps.slice(0, index + 1);
  const sinceRun = before.slice(before.findLastIndex(({ step }) => step.kind === 'run') + 1);
  const copied =
    later.step.kind === 'run' && sinceRun.some(({ step }) => step.kind === 'copy' || step.kind === 'clone');
  // Without a state before it, it could never go on from what it left.
  const repeatable = later.step.kind === 'run' && later.step.mode === 'repeatable';
  return cheap || repeatable || sinceLastMs >= worthMs || (copied && worthMs < usualWorthMs);
}

/**
 * Whether a machine that has come so far is to go on as another: after a WAIT that comes next it takes up what CACHE has saved meanwhile. Where what runs in the
 * background does not outlive that, it goes on with what was saved before.
 */
export function isRenewedAfter({ index }: Pick<ChainStep, 'index'>, { steps }: Chain): boolean {
  const rest = steps.slice(index + 1);
  const next = rest.findIndex(({ step }) => isWorking(step));
  const waits = rest.slice(0, Math.max(0, next)).findIndex(({ step }) => step.kind === 'wait');
  return waits >= 0 && rest.slice(waits).some(({ step }) => step.kind === 'cache');
}
