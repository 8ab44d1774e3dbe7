import type { Bench } from './bench.ts';
import type { ChainStep } from './chain.ts';
import type { RunContext } from './context.ts';
import { MachineLost } from './driver.ts';
import { failureKey } from './key.ts';
import type { KeyedStep } from './lookup.ts';
import type { Position } from './position.ts';
import { record } from './record.ts';
import type { Worked } from './step.ts';
import type { InstanceId, MtimeTable } from './store.ts';

/** Steps that run something in the machine, which is then worth a look. */
const looks: ReadonlySet<ChainStep['step']['kind']> = new Set(['run', 'env', 'expose']);

/**
 * Keeps the machine in which a step has failed, with all that runs in it, so that a person can enter it; only where the driver saves memory: elsewhere
 * nothing is left of what ran. Its id, or null where there is none. No run ever takes it for a result: it stands under a key that no step has.
 */
export async function keepFailure(
  failed: Extract<Worked, { kind: 'failed' }>,
  {
    chainStep,
    keyed,
    position,
    bench,
    context,
    durationMs,
    mtimes,
  }: {
    readonly chainStep: ChainStep;
    readonly keyed: KeyedStep;
    readonly position: Position;
    readonly bench: Bench;
    readonly context: RunContext;
    readonly durationMs: number;
    readonly mtimes: MtimeTable | null;
  },
): Promise<InstanceId | null> {
  const { ports, signal } = context;
  const { exit } = failed;
  if (!ports.driver.can.saveMemory || !looks.has(chainStep.step.kind)) return null;
  if (signal.aborted || exit.kind === 'lost' || exit.kind === 'cancelled') return null;
  try {
    const { state } = await bench.machine.endStep({ keep: true });
    if (!state.kept) return null;
    const background = await bench.backgroundsAfter(position.state);
    const instance = record({
      keyed: { ...keyed, key: failureKey(keyed.key) },
      parent: position.instance,
      title: chainStep.step.title,
      observations: [],
      state: { ...position.state, background },
      view: null,
      exit: 'code' in exit && exit.code !== 0 ? exit : { kind: 'exited', code: 1 },
      outputTail: failed.tail,
      durationMs,
      data: { stack: state.stack, mtimes },
      notKept: null,
      createdAt: ports.clock.now(),
    });
    const stored = await ports.store.insert(instance);
    return stored.stored ? instance.id : null;
  } catch (error) {
    // It ran until now: the step's own failure is what counts.
    if (error instanceof MachineLost) return null;
    throw error;
  }
}
