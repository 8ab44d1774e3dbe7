import { diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import { argumentText } from '../../ir/expand.ts';
import type { Expose } from '../../ir/ir.ts';
import { type CheckedLayerfile, chainUp, type Rule } from './rule.ts';

/** Two EXPOSE with the same path, or the same port outside, in one chain. */
export const checkExpose: Rule = (checked, report) => {
  if (!checked.steps.some(({ step }) => step.kind === 'expose')) return;
  const first = new Map<string, Span>();
  for (const { step } of [...chainUp(checked)].reverse().flatMap((one) => one.steps)) {
    if (step.kind !== 'expose') continue;
    const what = exposed(step);
    const before = first.get(what);
    if (before === undefined) first.set(what, step.span);
    else if (isOwn(checked, step)) {
      report(
        diagnostic('graph/expose-twice', place(step), { what }, [{ message: 'the other one is here', span: before }]),
      );
    }
  }
};

function exposed(step: Expose): string {
  return step.protocol === 'website' ? `the path ${argumentText(step.path)}` : `the port ${argumentText(step.outside)}`;
}

function place(step: Expose): Span {
  return step.protocol === 'website' ? step.path.span : step.outside.span;
}

function isOwn(checked: CheckedLayerfile, step: Expose): boolean {
  return step.span.file === checked.layerfile.source;
}
