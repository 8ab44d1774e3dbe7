import type { Bench } from './bench.ts';
import type { ChainStep } from './chain.ts';
import { isRenewedAfter, wantsSnapshot } from './checkpoint.ts';
import type { RunContext } from './context.ts';
import type { EndedStep, Kept, Machine } from './driver.ts';
import { stepName } from './names.ts';
import type { Worked } from './step.ts';
import type { MtimeTable, SnapshotData } from './store.ts';

/** What the machine's state stands on while it works. */
export interface Keeping {
  /** The last state that was kept, while nothing came after it. */
  data: SnapshotData | null;
  notKept: string | null;
  keptAtMs: number;
  /** The store still has room, and all that this machine has done can be kept. */
  room: boolean;
}

/** Ends a step that worked, and keeps the machine's state where somebody wants it. */
export async function endStep(
  chainStep: ChainStep,
  {
    worked,
    bench,
    machine,
    context,
    keeping,
    mtimes,
    last,
  }: {
    readonly worked: Extract<Worked, { kind: 'done' }>;
    readonly bench: Bench;
    readonly machine: Machine;
    readonly context: RunContext;
    readonly keeping: Keeping;
    readonly mtimes: MtimeTable | null;
    /** Whoever asked for it wants the state after it. */
    readonly last: boolean;
  },
): Promise<
  Omit<EndedStep, 'state'> & {
    readonly data: SnapshotData | null;
    readonly notKept: string | null;
  }
> {
  const { ports, chain, emit, runner } = context;
  const step = stepName(chainStep, runner);
  const price = ports.driver.snapshotWorthMs;
  const cheap = price === 0 && (!bench.busy || ports.driver.can.saveMemory);
  const now = ports.clock.now();
  const wanted =
    last ||
    (ports.driver.can.saveMemory && isRenewedAfter(chainStep, chain)) ||
    wantsSnapshot({
      ...{ chain, index: chainStep.index, cheap, sinceLastMs: now - keeping.keptAtMs },
      ...(price === 0 ? {} : { worthMs: price }),
    });
  let seen: Omit<EndedStep, 'state'> = { observations: [], fault: null, doubt: null };
  // A state that nobody wanted before may be wanted now, although this step did nothing to the machine.
  if (worked.touched || bench.busy || (wanted && price > 0 && keeping.data === null)) {
    const ended = await machine.endStep({ keep: wanted || cheap });
    seen = { observations: ended.observations, fault: ended.fault, doubt: ended.doubt };
    take(ended.state, { keeping, now, mtimes });
    if (!ended.state.kept && (wanted || cheap)) emit({ kind: 'stepNotKept', step, why: ended.state.why });
  }
  return { ...seen, data: wanted ? keeping.data : null, notKept: wanted ? keeping.notKept : null };
}

function take(
  state: Kept,
  { keeping, now, mtimes }: { readonly keeping: Keeping; readonly now: number; readonly mtimes: MtimeTable | null },
): void {
  if (!state.kept) {
    keeping.data = null;
    keeping.notKept = state.why;
    return;
  }
  keeping.data = { stack: state.stack, mtimes };
  keeping.notKept = null;
  keeping.keptAtMs = now;
}
