import { positionAt } from '../../diagnostics/source.ts';
import type { Plan, Step } from '../../ir/ir.ts';
import type { Chain } from '../../runner/chain.ts';
import type { Forced } from '../../runner/context.ts';
import { nothingForced } from '../../runner/run.ts';

/** What `--no-cache` and `--rerun-from STEP` force, for each chain; `problem` is a sentence for a person. */
export function forcing(
  plan: Plan,
  { noCache, rerunFrom }: { readonly noCache: boolean; readonly rerunFrom: string | null },
): { readonly forced: (chain: Chain) => Forced; readonly any: boolean } | { readonly problem: string } {
  if (noCache) return { any: true, forced: () => ({ from: 0, reason: 'forced by --no-cache' }) };
  if (rerunFrom === null) return { any: false, forced: () => nothingForced };
  const steps = plan.layers.flatMap((layer) => layer.steps);
  const exact = steps.filter((step) => names(step, rerunFrom));
  const found = exact.length > 0 ? exact : steps.filter((step) => step.title.includes(rerunFrom));
  if (found.length === 0) {
    return {
      problem: `no step is ${JSON.stringify(rerunFrom)}; give its place (web/Layerfile:5), its checkpoint's name or a part of its text`,
    };
  }
  if (found.length > 1) {
    const places = found.slice(0, 5).map((step) => `${place(step)} (${step.title})`);
    return {
      problem: `${JSON.stringify(rerunFrom)} can be ${places.join(', ')}${found.length > 5 ? ', …' : ''}; give the place`,
    };
  }
  const [step] = found;
  return {
    any: true,
    forced: (chain) => {
      const at = chain.steps.findIndex((one) => one.step === step);
      return at < 0 ? nothingForced : { from: at, reason: `forced by --rerun-from ${rerunFrom}` };
    },
  };
}

/** Whether a step is what a person means, exactly: its place, a place in a file of that name, or the CHECKPOINT's name. */
function names(step: Step, wanted: string): boolean {
  if (step.kind === 'checkpoint' && step.name === wanted) return true;
  return step.title === wanted || place(step) === wanted;
}

function place(step: Step): string {
  return `${step.span.file.path}:${positionAt(step.span.file, step.span.start).line}`;
}
