import type { AwsLink, Step } from '../../src/ir/ir.ts';
import { credentialsOf } from './aws.ts';
import type { PlannedJob } from './jobs.ts';
import type { CutChain } from './parts.ts';
import { checkoutStep } from './prepare.ts';
import { secretEnvironment } from './secrets.ts';
import { plain, type WorkflowStep } from './workflow.ts';

/** How jobs run `layer run`. */
export interface Engine {
  /** This project's action: `owner/layer@<commit>`, or where it lies in the repository. */
  readonly action: string;
  /** Labels of the runners. */
  readonly runsOn: readonly string[];
  /** Whether these are machines of one's own: jobs of other people's pull requests stay away from them. */
  readonly selfHosted: boolean;
}

/** Where the action is expected if nobody says where it is. */
export const ownAction = './.github/actions/layer';

/** What a job says of itself where another stands behind its BUTTON: that one is left out unless somebody has to press. */
export const engineOutputs = { skip: "${{ steps.layer.outputs.waiting != 'true' }}" };

/** The steps of a job that runs a Layerfile by `layer run`, with all that it starts from: what it waits for has run in other jobs. */
export function engineSteps(one: {
  readonly job: PlannedJob;
  readonly cut: CutChain;
  /** Which part. */
  readonly index: number;
  /** The Layerfiles that other jobs have run. */
  readonly done: readonly string[];
  readonly engine: Engine;
}): readonly WorkflowStep[] {
  const { job, cut, index, done, engine } = one;
  const steps = job.chain.flatMap((layer) => layer.steps);
  const names = [
    ...new Set(steps.flatMap((step) => (step.kind === 'secretEnv' ? step.names.map(({ name }) => name) : []))),
  ];
  // Every run asks anew at each BUTTON, those of earlier jobs too.
  const pressed = cut.parts.slice(0, index + 1).flatMap(({ button }) => button?.message ?? []);
  const given = { paths: [job.layer.path], secrets: names, done, press: pressed };
  const lines = Object.entries(given).filter(([, values]) => values.length > 0);
  const link = steps.find(isLink);
  return [
    { ...checkoutStep, with: { ...checkoutStep.with, path: '.' } },
    ...(link === undefined ? [] : [credentialsOf(link)]),
    {
      name: plain(`layer run ${job.layer.path}`),
      id: 'layer',
      uses: engine.action,
      with: {
        ...Object.fromEntries(lines.map(([input, values]) => [input, plain(values.join('\n'))])),
        ...(index < cut.parts.length - 1 ? { button: 'stop' } : {}),
      },
      ...(names.length === 0 ? {} : { env: secretEnvironment(names) }),
    },
  ];
}

function isLink(step: Step): step is AwsLink {
  return step.kind === 'awsLink';
}
