import { nearest } from '../../diagnostics/near.ts';
import type { Layer, Plan } from '../../ir/ir.ts';
import { runnersOf } from '../../ir/runners.ts';
import { closure } from '../../runner/chain.ts';
import { plainText, plural } from '../../report/text.ts';

/** A sentence for each `--press` that no BUTTON of the Layerfiles that run can be meant by: the run will wait for those that there are. */
export function pressProblems(plan: Plan, wanted: readonly Layer[], given: readonly string[]): readonly string[] {
  if (given.length === 0) return [];
  const running = new Set(
    closure(
      plan,
      wanted.map(({ id }) => id),
    ).map(({ id }) => id),
  );
  const layers = new Map(plan.layers.map((layer) => [layer.id, layer]));
  // Each copy of a SPLIT asks anew.
  const asked = runnersOf(plan)
    .filter(({ layer }) => running.has(layer))
    .flatMap(({ layer }) => layers.get(layer)?.steps ?? [])
    .flatMap((step) => (step.kind === 'button' ? [step.message] : []));
  const messages = [...new Set(asked)];
  const count = asked.length === 1 ? 'one BUTTON' : plural(asked.length, 'BUTTON');
  const known = asked.length === 0 ? 'there is no BUTTON in what runs' : `there is ${count}: ${messages.join(', ')}`;
  return given.flatMap((one) => {
    const number = /^[1-9][0-9]*$/.test(one) ? Number(one) : null;
    if (messages.includes(one) || (number !== null && number <= asked.length)) return [];
    const near = number === null ? nearest(one, messages) : null;
    return [plainText(`--press ${one}: ${known}${near === null ? '' : `; did you mean “${near}”?`}`)];
  });
}
