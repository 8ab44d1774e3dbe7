import { exit } from '../../exit.ts';
import { text } from '../args.ts';
import { command } from '../command.ts';
import { runOptions } from '../run/options.ts';
import { runLayerfiles } from '../run/run-layerfiles.ts';

const { 'rerun-from': _from, 'no-cache': _none, ...rest } = runOptions;

export const retry = command({
  description:
    'Runs again the Layerfiles that did not succeed in the last run here, with what they need: each goes on before the step that failed.\n' +
    'JOB_ID stays the same, RETRY_INDEX counts up. Exit codes are those of layer run.',
  operands: { placeholder: 'job', help: 'the JOB_ID of an earlier run; without one, the last', least: 0, most: 1 },
  options: { from: text('step', 'begin at a step before the one that failed, although it could be skipped'), ...rest },
  examples: [
    { command: 'layer retry', does: 'try again what failed' },
    { command: 'layer retry --from web:2', does: 'the same, from the second step of web on' },
    { command: 'layer retry 41', does: 'what failed in the run whose JOB_ID was 41' },
  ],
  async run({ options, operands }, context) {
    const [job = null] = operands;
    if (job !== null && !/^\d{1,15}$/.test(job)) {
      context.host.terminal.error(
        `layer retry: a run is named by its JOB_ID, a number; this is ${JSON.stringify(job)}\n`,
      );
      return exit.usage;
    }
    const { from, ...same } = options;
    return runLayerfiles({
      ...{ name: 'retry', operands: [], context, again: { job: job === null ? null : Number(job) } },
      options: { ...same, 'rerun-from': from, 'no-cache': false },
    });
  },
});
