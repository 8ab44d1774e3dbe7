import type { Layer, Run, Step } from '../../src/ir/ir.ts';
import { chainOf } from '../../src/ir/walk.ts';
import type { StepPlace, Support, SupportTable } from '../../src/target.ts';
import { repeatsBuild } from './builds.ts';
import { cacheName, restoreCache } from './cache.ts';
import type { JobOptions } from './jobs.ts';
import { machineOf, type System } from './machine.ts';
import { envScript, longestRun, translateStep } from './steps.ts';

const native: Support = { level: 'native' };
const emulated = (how: string): Support => ({ level: 'emulated', how });
const unsupported = (why: string): Support => ({ level: 'unsupported', why });

const repeated = emulated('it runs from the start every time: a job keeps no state of an earlier run');
const rebuilt = emulated(
  "the layers of its images are kept in GitHub's cache, and all else starts anew: a job keeps no state of an earlier run",
);
const split = emulated('a job for each copy; the steps above SPLIT run in each of them');
const hoisted = emulated('a job waits before it starts, so what stands above WAIT waits too');
const button = emulated(
  'a person approves an environment, which must have required reviewers; what stands behind it is a second job, which gets the files that changed, but no processes, containers or deletions',
);
const taintedButton = emulated(
  `${button.level === 'emulated' ? button.how : ''}; what the steps with secrets above it wrote is among them, in an artifact that everybody who may read the repository may download`,
);
const expose = emulated(
  'the job waits until it answers, and its summary says so, but nobody can reach it from outside',
);
const tooLong = unsupported(`a step holds ${longestRun} characters at most; move the command into a script`);
const tooMany = unsupported(
  `a step holds ${longestRun} characters at most; name directories or globs instead of so many files`,
);

/** The same thing, where the line that does it is not too long: its words grow with the instruction's arguments. */
const sized = {
  usually: native,
  of: (step: Step, { layer }: StepPlace): Support => {
    const context = { layer, secrets: [], gated: false, unless: [], background: 'native', number: 0 } as const;
    const made =
      step.kind === 'cache' ? restoreCache({ step, number: 0, name: cacheName(step) }) : translateStep(step, context);
    return made.some(({ run = '' }) => run.length > longestRun) ? tooMany : native;
  },
};

/** What GitHub's runners can do with each step. */
export const support: SupportTable = {
  run: { usually: native, of: (step, place) => runSupport(step, place, 'runner') },
  copy: sized,
  clone: sized,
  env: { usually: native, of: (step) => (envScript(step).length > longestRun ? tooLong : native) },
  buildEnv: native,
  secretEnv: sized,
  workdir: native,
  user: native,
  setupFile: sized,
  cache: sized,
  checkpoint: emulated('a job starts from nothing, so there are no snapshots; what CACHE keeps is kept'),
  split: {
    usually: split,
    of: (step) => (step.count > 256 ? unsupported('a job has 256 copies at most') : split),
  },
  wait: { usually: native, of: (_step, { layer, index }) => (runsBefore(layer, index) ? hoisted : native) },
  button: { usually: button, of: (_step, place) => buttonSupport(place) },
  expose,
  skipIf: native,
  awsLink: emulated('the credentials are those of the role that the repository variable AWS_ROLE_ARN names'),
};

/** The same, where jobs may run in containers, which have no Docker. */
export function supportOn({ inherit, os }: JobOptions): SupportTable {
  const system = inherit === 'image' ? 'container' : os;
  return { ...support, run: { usually: native, of: (step, place) => runSupport(step, place, system) } };
}

function runSupport(step: Run, { plan, layer }: StepPlace, system: System): Support {
  if (step.command.length > longestRun) return tooLong;
  if (step.mode !== 'repeatable') return native;
  return repeatsBuild(step, machineOf(chainOf(plan, layer.id), system)) ? rebuilt : repeated;
}

function runsBefore(layer: Layer, index: number): boolean {
  return layer.steps.slice(0, index).some((step) => step.kind === 'run');
}

function buttonSupport({ plan, layer, index }: StepPlace): Support {
  const above = chainOf(plan, layer.id).filter((one) => one !== layer);
  const own = layer.steps.slice(0, index);
  const staysUp = (step: Step) => step.kind === 'run' && step.mode === 'background';
  // Those of parents are started again behind the BUTTON, with all their steps.
  const firstButton =
    own.every((step) => step.kind !== 'button') &&
    !above.some((one) => one.steps.some((step) => step.kind === 'button'));
  if (own.some(staysUp) || (!firstButton && above.some((one) => one.steps.some(staysUp)))) {
    return unsupported(
      'a second job stands behind the BUTTON, and what RUN BACKGROUND started does not reach it; move what follows into a Layerfile of its own',
    );
  }
  const steps = [...above.flatMap((one) => one.steps), ...own];
  return steps.some((step) => step.kind === 'secretEnv') ? taintedButton : button;
}
