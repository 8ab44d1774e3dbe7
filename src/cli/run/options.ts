import { choice, flag, number, text, texts, type Args } from '../args.ts';
import { driverNames } from '../../world/driver-names.ts';
import { progressKinds } from './reporter.ts';

/** What runs the machines. */
export const driverOption = choice(
  driverNames,
  'what runs the machines: virtual machines, the sandbox, or what fits host and Layerfile; LAYER_DRIVER or auto by default',
);

/** What `layer run` and whatever runs Layerfiles can be told. */
export const runOptions = {
  progress: choice(progressKinds, 'how to show what happens: a live tree, steady lines, JSON lines, or only the end'),
  json: flag('the same as --progress=json'),
  'no-cache': flag('run every step, and never fall back to what these would have skipped to'),
  'rerun-from': text(
    'step',
    'run a step and all after it: its place (web/Layerfile:5), checkpoint or a part of its text',
  ),
  'keep-going': flag('let what does not need a failed Layerfile run on'),
  jobs: { ...number('n', 1, 'machines at the same time; the number of processors by default'), short: 'j' },
  driver: driverOption,
  store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
  secret: texts('name', 'pass on a secret from this environment'),
  'secret-file': texts('name=path', 'give a secret as the content of a file, in base64'),
  env: texts('name=value', 'set a predefined variable'),
  press: texts('button', 'press a BUTTON in advance: its message or its number'),
  serve: flag('keep what EXPOSE names reachable until Ctrl-C'),
  offline: flag('do not ask other repositories for newer commits'),
};

/** What was typed for them. */
export type RunOptions = Args<typeof runOptions>['options'];
