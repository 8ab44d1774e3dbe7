import { command } from '../command.ts';
import { layerfileOperands } from '../layerfile-operands.ts';
import { runLayerfiles } from '../run/run-layerfiles.ts';
import { runOptions } from '../run/options.ts';

export const run = command({
  description:
    'Runs the Layerfiles with all that they start from and wait for. A step is skipped where nothing that it or a step before it\n' +
    'looked at has changed; for each step that runs, the reason is printed.\n' +
    'Ends with 0 where all is done, 1 where a step failed, 2 where the Layerfiles are wrong, 3 where the host failed, 75 where a BUTTON waits.',
  operands: layerfileOperands,
  options: runOptions,
  examples: [
    { command: 'layer run', does: 'run every Layerfile of this repository' },
    { command: 'layer run web/tests', does: 'run those in a directory, and what they need' },
    { command: 'layer run --rerun-from web/Layerfile:5', does: 'run a step again although nothing has changed' },
    { command: 'layer run --secret NPM_TOKEN', does: 'hand on $NPM_TOKEN to SECRET ENV NPM_TOKEN' },
    { command: 'layer run --serve web', does: 'look at the site that a Layerfile exposes' },
    { command: 'layer run --json | jq .kind', does: 'follow a run with a program' },
  ],
  async run({ options, operands }, context) {
    return runLayerfiles({ name: 'run', options, operands, context, again: null });
  },
});
