import type { OpenMachine } from './restore.ts';
import type { RunContext } from './context.ts';
import type { Position } from './position.ts';

/**
 * Lets a machine rest that waits for a person, with all that runs in it: the positions to go on from, the last of which stands on what was kept then. Where
 * nothing runs in it, that is what was kept already. Where something has looked at the repository since, it is done again, so that the step to which that
 * look belongs has it.
 */
export async function hibernate(
  trail: readonly Position[],
  {
    machinery: { machine, bench, mtimes },
    context: { emit, runner, ports },
  }: {
    readonly machinery: Pick<OpenMachine, 'machine' | 'bench' | 'mtimes'>;
    readonly context: RunContext;
  },
): Promise<{ readonly trail: readonly Position[]; readonly hibernated: boolean }> {
  const last = trail.at(-1);
  if (machine.hibernate === null || !bench.busy || !last) return { trail, hibernated: false };
  const beganMs = ports.clock.now();
  const background = await bench.backgroundsAfter(last.state);
  const { state, observations, fault, doubt } = await machine.hibernate();
  if (!state.kept || observations.length > 0 || fault !== null || doubt !== null) return { trail, hibernated: false };
  emit({ kind: 'machineHibernated', runner, durationMs: ports.clock.now() - beganMs });
  const now = { ...last, state: { ...last.state, background }, data: { stack: state.stack, mtimes }, notKept: null };
  return { trail: [...trail.slice(0, -1), now], hibernated: true };
}
