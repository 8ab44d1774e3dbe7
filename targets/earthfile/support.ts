import { lookIntoShell } from '../../src/ir/shell.ts';
import type { Layer, Plan, Run, Step } from '../../src/ir/ir.ts';
import { chainOf } from '../../src/ir/walk.ts';
import type { StepPlace, Support, SupportTable } from '../../src/target.ts';
import { cachePaths } from './cache.ts';

const native: Support = { level: 'native' };
const emulated = (how: string): Support => ({ level: 'emulated', how });
const unsupported = (why: string): Support => ({ level: 'unsupported', why });

const copy = emulated(
  'a change of any file that it copies runs all steps below it again, and the group may have fewer rights to the files than their owner',
);
const clone = emulated('it and all steps below it run in every build, without the credentials of the host');
const background = emulated(
  'it and the steps below it in this Layerfile are one RUN, which starts it, runs them and stops it',
);
const docker = emulated(
  "each RUN that calls docker gets a Docker of its own, which keeps images for the next, but no containers; the build needs Earthly's --allow-privileged",
);
const repeated = emulated('it runs from the start whenever it runs: Earthly keeps no state of an earlier run');
const button = emulated(
  'what stands below it is the target …-after-button, which runs only when it is asked for with --push',
);
const expose = emulated('the step waits until it answers, but nobody can reach it from outside');
const dead = 'processes end with the step that started them';

/** What Earthly can do with each step. */
export const support: SupportTable = {
  run: { usually: native, of: runSupport },
  copy,
  clone,
  env: native,
  buildEnv: {
    usually: native,
    of: (step, { plan, layer }) => {
      const secrets = new Set(chainOf(plan, layer.id).flatMap(secretsOf));
      return step.names.some(({ name }) => secrets.has(name))
        ? emulated('a secret cannot count for the cache, so all steps below it run in every build')
        : native;
    },
  },
  secretEnv: native,
  workdir: native,
  user: native,
  setupFile: native,
  cache: {
    usually: emulated(
      'directories alone, which are kept also where the build fails, and hide what the image holds there',
    ),
    of: (step, { plan, layer, index }) =>
      cachePaths(plan, layer, index, step) === null
        ? unsupported('a variable is part of the path, and CACHE of Earthly takes a fixed one')
        : emulated('directories alone, which are kept also where the build fails, and hide what the image holds there'),
  },
  checkpoint: {
    usually: native,
    of: (step, place) => {
      if (step.mode === 'disabled') return emulated('Earthly caches every step; it forgets them by itself');
      return step.name !== null && staysUp(place) ? emulated(`no target ends here, since ${dead}`) : native;
    },
  },
  split: {
    usually: native,
    of: (_step, place) => (staysUp(place) ? unsupported(`copies would find nothing running: ${dead}`) : native),
  },
  wait: native,
  button: { usually: button, of: (_step, place) => buttonSupport(place) },
  expose: {
    usually: expose,
    of: (_step, place) =>
      staysUp(place)
        ? expose
        : unsupported(`nothing can answer here, since ${dead}; start it with RUN BACKGROUND in this Layerfile`),
  },
  skipIf: native,
  awsLink: emulated('the credentials are those that whoever runs Earthly has'),
};

function runSupport(step: Run, place: StepPlace): Support {
  switch (step.mode) {
    case 'background':
      return hasChildren(place.plan, place.layer)
        ? unsupported(`Layerfiles that start from this one would not find it running: ${dead}`)
        : background;
    case 'plain':
      return callsDocker(step) ? docker : native;
    case 'repeatable':
      return callsDocker(step) ? docker : repeated;
  }
}

function buttonSupport(place: StepPlace): Support {
  const { plan, layer } = place;
  if (staysUp(place)) return unsupported(`what stands below it would find nothing running: ${dead}`);
  if (hasChildren(plan, layer))
    return unsupported(
      'Layerfiles that start from this one would not wait for it to be pressed; put what stands below it into one of them',
    );
  const awaited = plan.layers.some((one) =>
    one.steps.some((step) => step.kind === 'wait' && step.layers.some(({ id }) => id === layer.id)),
  );
  return awaited ? unsupported('a Layerfile that waits for this one would not wait for it to be pressed') : button;
}

/** Whether a RUN BACKGROUND of the same Layerfile stands above. */
function staysUp({ layer, index }: StepPlace): boolean {
  return layer.steps.slice(0, index).some((step) => step.kind === 'run' && step.mode === 'background');
}

function hasChildren(plan: Plan, layer: Layer): boolean {
  return plan.layers.some(({ base }) => base.kind === 'layer' && base.id === layer.id);
}

function secretsOf(layer: Layer): readonly string[] {
  return layer.steps.flatMap((step) => (step.kind === 'secretEnv' ? step.names.map(({ name }) => name) : []));
}

const dockerPrograms = new Set(['docker', 'docker-compose', 'docker-buildx']);

/** Whether a RUN talks to Docker. */
export function callsDocker(step: Step): boolean {
  return step.kind === 'run' && lookIntoShell(step.command).commands.some(({ program }) => dockerPrograms.has(program));
}
