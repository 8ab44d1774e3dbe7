import { readFacts, type ReadFact } from '../../runner/inspect/facts.ts';
import { stepName } from '../../runner/names.ts';
import { exit } from '../../exit.ts';
import { place, plainText, plural, stepText } from '../../report/text.ts';
import type { ObservationKind } from '../../runner/view/view.ts';
import { command } from '../command.ts';
import { inspectOptions, openStep } from '../inspect/open.ts';
import { stepJson } from '../inspect/step-json.ts';
import { stepOperand } from '../inspect/step-operand.ts';

export const reads = command({
  description:
    'Lists what a step looked at in its newest result: that, and what the steps before it looked at, is what can make it run again.\n' +
    'A fact that no longer holds says what it is now.',
  operands: stepOperand,
  options: inspectOptions,
  examples: [
    { command: 'layer reads web:3', does: 'list what the third step of web looked at' },
    { command: 'layer reads "npm test" --json | jq -r .reads[].path', does: 'only the paths' },
  ],
  async run({ options, operands }, context) {
    const { terminal } = context.host;
    const opened = await openStep(operands[0] ?? '', { name: 'reads', options, context });
    if ('code' in opened) return opened.code;
    await using inspection = opened;
    const { found } = inspection;
    const { step } = found;
    const { instance, after, holds, chainStep } = step;
    const title = `${stepText(stepName(chainStep, step.runner))}, at ${place(chainStep.step.span)}`;
    if (instance === null || after === null) {
      terminal.error(`layer reads: ${title} has no result yet; layer run makes one\n`);
      return exit.usage;
    }
    const facts = readFacts(instance.observations, after.views);
    const sources = after.views.find((view) => view.spec.ordinal === instance.view?.ordinal)?.spec.sources ?? [];
    const copied = sources.flatMap((source) => (source.glob ? [] : [source.path === '' ? '.' : source.path]));
    if (options.json) {
      const shown = { step: stepJson(step), instance: instance.id, holds, copied, reads: facts };
      terminal.out(`${JSON.stringify(shown, null, 2)}\n`);
      return exit.done;
    }
    const state = holds ? 'it holds' : 'it does not hold now, or comes after one that does not';
    terminal.out(`${title}\n  ${instance.id.slice(0, 4)}, ${plural(facts.length, 'read')}; ${state}\n`);
    for (const path of copied) terminal.out(`  wants to be there: ${plainText(path)}\n`);
    for (const line of groups(facts)) terminal.out(`${line}\n`);
    return exit.done;
  },
});

const headings: { readonly [K in ObservationKind]: string } = {
  content: 'read',
  listing: 'listed',
  absent: 'looked for, not there',
  link: 'followed',
  entry: 'looked whether it is there, its kind and mode',
  attributes: 'looked at size and mode',
};

function groups(facts: readonly ReadFact[]): readonly string[] {
  return (Object.keys(headings) as readonly ObservationKind[]).flatMap((kind) => {
    const own = facts.filter((one) => one.kind === kind);
    if (own.length === 0) return [];
    const lines = own.map(({ path, holds, was, now }) => {
      const name = plainText(kind === 'listing' ? `${path}/` : path);
      return `    ${name}${holds ? '' : `  (was ${plainText(was)}, is ${plainText(now)})`}`;
    });
    return ['', `  ${headings[kind]}:`, ...lines];
  });
}
