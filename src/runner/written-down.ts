import type { Argument, Layer } from '../ir/ir.ts';
import { expandStep, type WorkingStep } from './instruction.ts';
import type { MachineState } from './state.ts';

/**
 * The secret that a step would have written down: what an argument names (a directory, a user, a destination) stands in the machine's state, in the paths of
 * observations, in snapshots and on the screen. Null where there is none.
 */
export function writtenDown(
  step: WorkingStep,
  {
    layer,
    state,
    isSecret,
  }: { readonly layer: Layer; readonly state: MachineState; readonly isSecret: (name: string) => boolean },
): string | null {
  const named = new Set<string>();
  const lookUp = (name: string): null => {
    named.add(name);
    return null;
  };
  expandStep(writtenPart(step), { layer, state, lookUp });
  return [...named].find(isSecret) ?? null;
}

/** The URL of a CLONE is for git alone, and where a website is shown is asked anew in every run: keys hold digests of them. */
function writtenPart(step: WorkingStep): WorkingStep {
  const without = <T extends Argument | null>(argument: T): T => argument && { ...argument, parts: [] };
  if (step.kind === 'clone') return { ...step, url: without(step.url), defaultBranch: null };
  if (step.kind === 'expose' && step.protocol === 'website')
    return { ...step, path: without(step.path), rewrite: without(step.rewrite) };
  return step;
}
