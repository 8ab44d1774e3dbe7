import { staticText } from '../../src/ir/expand.ts';
import type { ExposeWebsite, Layer } from '../../src/ir/ir.ts';

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
  DEPLOYMENT_HOST: '${{ vars.DEPLOYMENT_HOST }}',
};

/** The predefined variables that differ from job to job, and from copy to copy. `runners` are the ids of all copies. */
export function jobEnvironment(chain: readonly Layer[], runners: readonly string[]): Readonly<Record<string, string>> {
  const [first = ''] = runners;
  return {
    RUNNER_ID: runners.length < 2 ? first : `\${{ fromJSON('${JSON.stringify(runners)}')[matrix.SPLIT] }}`,
    EXPOSE_WEBSITE_HOST: websiteHost(chain),
  };
}

/** The port of a job that its websites share; layer-sh knows it too. */
const proxiedPort = 7080;

/** Whether the websites of a chain stand behind layer-proxy: all but a single one that takes every path as it is. */
export function isProxied(chain: readonly Layer[]): boolean {
  const sites = websitesOf(chain);
  return sites.length > 0 && directPort(sites) === null;
}

function websiteHost(chain: readonly Layer[]): string {
  const sites = websitesOf(chain);
  return sites.length === 0 ? 'localhost' : `localhost:${directPort(sites) ?? proxiedPort}`;
}

function websitesOf(chain: readonly Layer[]): readonly ExposeWebsite[] {
  const steps = chain.flatMap((layer) => layer.steps);
  return steps.flatMap((step) => (step.kind === 'expose' && step.protocol === 'website' ? [step] : []));
}

/** The server's own port, where it can be used as it is. */
function directPort([site, ...others]: readonly ExposeWebsite[]): string | null {
  if (site === undefined || others.length > 0 || site.scheme === 'https' || site.rewrite !== null) return null;
  return staticText(site.path) === '/' ? staticText(site.port) : null;
}
