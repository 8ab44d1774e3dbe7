import type { Exposed } from './ports.ts';
import { expandStep } from './instruction.ts';
import { valueAt } from './environment.ts';
import { openMachine } from './restore.ts';
import type { Finished } from './schedule.ts';

/** Restores each runner that exposes something and serves it until the run's signal. */
export async function serveAll(finished: readonly Finished[]): Promise<void> {
  await Promise.all(finished.map(serveOne));
}

async function serveOne({ context, end, runner }: Finished): Promise<void> {
  const { serve } = context.ports.expose;
  if (end.kind !== 'done' || serve === null) return;
  const exposed = context.chain.steps.flatMap(({ step, layer, index }): readonly Exposed[] => {
    const position = end.trail.find((one) => one.next === index);
    if (step.kind !== 'expose' || !position) return [];
    const lookUp = (name: string) => valueAt(name, position, context);
    const instruction = expandStep(step, { layer, state: position.state, lookUp });
    return instruction.kind === 'expose' ? [instruction.exposed] : [];
  });
  if (exposed.length === 0) return;
  const opened = await openMachine(end.trail, context);
  if (opened.kind !== 'open') {
    const why = opened.kind === 'again' ? opened.note : opened.why;
    context.emit({ kind: 'note', runner, level: 'warning', message: `cannot be served: ${why}` });
    return;
  }
  await using machine = opened.machine;
  await serve(runner, exposed, {
    connect: (port) => machine.connect(port),
    listening: (address) => context.emit({ kind: 'serving', runner, address }),
    signal: context.signal,
  });
}
