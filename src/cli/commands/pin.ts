import { exit } from '../../exit.ts';
import { plainText, stepText } from '../../report/text.ts';
import { stepName } from '../../runner/names.ts';
import { command } from '../command.ts';
import { inspectOptions, openStep } from '../inspect/open.ts';
import { stepJson } from '../inspect/step-json.ts';
import { stepOperand } from '../inspect/step-operand.ts';

export const pin = command({
  description:
    'Keeps the snapshot after a step, whatever room layer prune is asked for. It can be entered with layer shell, and runs go on from it while\n' +
    'nothing that its steps looked at has changed.',
  operands: { ...stepOperand, help: `${stepOperand.help}; then a name`, most: 2, usage: '<step> [name]' },
  options: inspectOptions,
  examples: [
    { command: 'layer pin web/tests:3 release', does: 'keep the state after a step, under a name' },
    { command: 'layer pin e14e', does: 'keep the snapshot that layer run named' },
    { command: 'layer unpin release', does: 'let it go again' },
  ],
  async run({ options, operands }, context) {
    const { terminal } = context.host;
    const [typed = '', given = null] = operands;
    const opened = await openStep(typed, { name: 'pin', options, context });
    if ('code' in opened) return opened.code;
    await using inspection = opened;
    const { found, world } = inspection;
    const { step, runner } = found;
    const { instance } = step;
    const title = stepText(stepName(step.chainStep, step.runner));
    if (instance === null || instance.data === null) {
      const why = instance === null ? 'it has no result yet' : (instance.notKept ?? 'no snapshot was taken after it');
      terminal.error(`layer pin: ${title} has no snapshot: ${plainText(why)}\n`);
      return exit.usage;
    }
    const before = runner.steps.filter((one) => one.chainStep.index < step.chainStep.index);
    const name = given ?? instance.id.slice(0, 8);
    await world.store.pin({ id: instance.id, name, trail: before.flatMap((one) => one.instance?.id ?? []) });
    if (options.json) terminal.out(`${JSON.stringify({ name, snapshot: instance.id, step: stepJson(step) })}\n`);
    else terminal.out(`pinned ${instance.id.slice(0, 4)} as ${plainText(name)}: ${title}\n`);
    return exit.done;
  },
});
