import { staticText } from '../../src/ir/expand.ts';
import type { Layer } from '../../src/ir/ir.ts';

const constants = ['CI', 'IS_CI_MACHINE', 'CI_MACHINE', 'IN_CI_MACHINE', 'IN_CI', 'WEBAPPIO', 'LAYERCI'];

/** The predefined variables that are the same in all jobs. GIT_* that only git knows, and SUBDOMAIN, are computed by a job's first step. */
export const workflowEnvironment: Readonly<Record<string, string>> = {
  ...Object.fromEntries(constants.map((name) => [name, 'true'])),
  DEBIAN_FRONTEND: 'noninteractive',
  GIT_BRANCH: '${{ github.head_ref || github.ref_name }}',
  GIT_COMMIT: '${{ github.event.pull_request.head.sha || github.sha }}',
  GIT_CLONE_URL: '${{ github.server_url }}/${{ github.repository }}.git',
  REPOSITORY_NAME: '${{ github.event.repository.name }}',
  REPOSITORY_OWNER: '${{ github.repository_owner }}',
  ORGANIZATION_NAME: '${{ github.repository_owner }}',
  JOB_ID: '${{ github.run_id }}',
  LAYERCI_JOB_ID: '${{ github.run_id }}',
  RETRY_INDEX: '${{ github.run_attempt }}',
  PULL_REQUEST_URL: '${{ github.event.pull_request.html_url }}',
  API_EXTRA: '${{ inputs.api_extra }}',
};

/** The predefined variables that differ from job to job, and from copy to copy. `runners` are the ids of all copies. */
export function jobEnvironment(chain: readonly Layer[], runners: readonly string[]): Readonly<Record<string, string>> {
  const [first = ''] = runners;
  const port = websitePort(chain);
  return {
    RUNNER_ID: runners.length < 2 ? first : `\${{ fromJSON('${JSON.stringify(runners)}')[matrix.SPLIT] }}`,
    EXPOSE_WEBSITE_HOST: port === null ? 'localhost' : `localhost:${port}`,
  };
}

/** The port of the first website that a chain exposes, where it is static. */
function websitePort(chain: readonly Layer[]): string | null {
  for (const step of chain.flatMap((layer) => layer.steps)) {
    if (step.kind === 'expose' && step.protocol === 'website') return staticText(step.port);
  }
  return null;
}
