import type { Button } from '../../src/ir/ir.ts';
import type { PlannedJob } from './jobs.ts';
import { visible } from './steps.ts';
import { plain, type Job } from './workflow.ts';

/** The Layerfile that a job stands for, as a line of a comment. */
export function commentOf(job: PlannedJob): string {
  return `/${visible(job.layer.path)}`;
}

/** The environment that stands for a BUTTON: a person approves it there. */
export function environmentOf(jobId: string, index: number): string {
  return `layer-${jobId}${index === 1 ? '' : `-${index}`}`;
}

/**
 * The job that makes sure the button asks somebody. GitHub creates an environment that does not exist, without any protection: without this job,
 * what stands behind the BUTTON would run by itself.
 */
export function guardJob(one: {
  readonly job: PlannedJob;
  readonly button: Button;
  readonly environment: string;
  /** The job that ends at the BUTTON. */
  readonly before: string;
  readonly condition: string | null;
}): Job {
  const { button, environment } = one;
  return {
    comment: commentOf(one.job),
    name: `${environment}: does the button ask somebody?`,
    needs: [one.before],
    ...(one.condition === null ? {} : { if: one.condition }),
    'runs-on': 'ubuntu-24.04',
    'timeout-minutes': 5,
    permissions: { actions: { access: 'read', why: 'to read who must approve' } },
    steps: [
      {
        name: plain(button.title),
        shell: 'bash',
        env: { GH_TOKEN: '${{ github.token }}', REPOSITORY: '${{ github.repository }}', ENVIRONMENT: environment },
        run: guardScript,
      },
    ],
  };
}

const guardScript = `reviewers=$(gh api "repos/$REPOSITORY/environments/$ENVIRONMENT" --jq '[.protection_rules[] | select(.type == "required_reviewers")] | length') || reviewers=0
if [ "\${reviewers:-0}" -lt 1 ]; then
  echo "::error::the environment $ENVIRONMENT has no required reviewers, so nobody would press this BUTTON: add some under Settings, Environments"
  exit 1
fi`;
