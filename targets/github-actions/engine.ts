import type { Button } from '../../src/ir/ir.ts';
import type { PlannedJob } from './jobs.ts';
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

/** The steps of a job that runs a Layerfile by `layer run`, with all that it starts from: what it waits for has run in other jobs. */
export function engineSteps(one: {
  readonly job: PlannedJob;
  readonly button: Button | null;
  readonly engine: Engine;
}): readonly WorkflowStep[] {
  const { job, button, engine } = one;
  const steps = job.chain.flatMap((layer) => layer.steps);
  const names = [
    ...new Set(steps.flatMap((step) => (step.kind === 'secretEnv' ? step.names.map(({ name }) => name) : []))),
  ];
  const pressed = button === null ? {} : { press: plain(button.message) };
  return [
    { ...checkoutStep, with: { ...checkoutStep.with, path: '.' } },
    {
      name: plain(`layer run ${job.layer.path}`),
      uses: engine.action,
      with: { paths: plain(job.layer.path), ...(names.length === 0 ? {} : { secrets: names.join('\n') }), ...pressed },
      ...(names.length === 0 ? {} : { env: secretEnvironment(names) }),
    },
  ];
}
