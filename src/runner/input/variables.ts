import { nearest } from '../../diagnostics/near.ts';
import { subdomainOf } from '../../ir/subdomain.ts';
import { predefinedVariable, predefinedVariables } from '../../ir/variables.ts';
import type { GitFacts } from './git-facts.ts';
import { httpsRemote, parseRemote } from './remote.ts';

export type Variables = Readonly<Record<string, string>>;

/** What the predefined variables of one runner are made from. */
export interface VariableSources {
  readonly git: GitFacts;
  /** The last part of the repository's path, for its name where `origin` gives none. */
  readonly directoryName: string;
  /** The host's environment; only `GITHUB_*` is looked at. */
  readonly host: Readonly<Record<string, string | undefined>>;
  /** Counts up in the store. */
  readonly jobId: number;
  /** The runner's own (`main-layerfile`, `Tests-Cypress-2`). */
  readonly runnerId: string;
  /** Where `--serve` listens. */
  readonly previewPort: number;
  /** `--env NAME=value`. */
  readonly overrides: Variables;
}

const constants: Variables = {
  CI: 'true',
  IS_CI_MACHINE: 'true',
  CI_MACHINE: 'true',
  IN_CI_MACHINE: 'true',
  IN_CI: 'true',
  WEBAPPIO: 'true',
  LAYERCI: 'true',
  DEBIAN_FRONTEND: 'noninteractive',
};

/** All predefined variables of a runner. What is made from another one follows an override of that one. */
export function predefinedValues(sources: VariableSources): Variables {
  const { git, host, overrides } = sources;
  const commit = overrides['GIT_COMMIT'] ?? git.commit;
  const branch = overrides['GIT_BRANCH'] ?? branchOf(git, host);
  const subdomain = overrides['SUBDOMAIN'] ?? subdomainOf(branch);
  const runnerId = overrides['RUNNER_ID'] ?? sources.runnerId;
  const url = git.originUrl === '' ? githubUrl(host) : git.originUrl;
  const { owner: ownOwner, name } = ownerAndName(url, sources.directoryName);
  const owner = overrides['REPOSITORY_OWNER'] ?? ownOwner;
  const jobId = overrides['JOB_ID'] ?? overrides['LAYERCI_JOB_ID'] ?? String(sources.jobId);
  const pullRequest = pullRequestUrl(host);
  const values: Variables = {
    ...constants,
    GIT_COMMIT: commit,
    GIT_SHORT_COMMIT: commit.slice(0, 12),
    GIT_BRANCH: branch,
    GIT_TAG: git.tag,
    GIT_COMMIT_TITLE: git.title,
    GIT_CLONE_URL: url === '' ? '' : httpsRemote(url),
    SUBDOMAIN: subdomain,
    REPOSITORY_NAME: name,
    REPOSITORY_OWNER: owner,
    ORGANIZATION_NAME: owner,
    JOB_ID: jobId,
    LAYERCI_JOB_ID: jobId,
    RUNNER_ID: runnerId,
    RETRY_INDEX: host['GITHUB_RUN_ATTEMPT'] || '1',
    EXPOSE_WEBSITE_HOST: `${previewLabel(subdomain, runnerId)}.localhost:${sources.previewPort}`,
    ...(pullRequest === null ? {} : { PULL_REQUEST_URL: pullRequest }),
    ...overrides,
  };
  // No environment holds a NUL; a commit's title may.
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value.replaceAll('\0', '')]));
}

/** `<SUBDOMAIN>-<runner id>` as one label of a host name: lower case, 63 characters at most, the end of the branch given up first. */
export function previewLabel(subdomain: string, runnerId: string): string {
  const runner = runnerId
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-')
    .slice(0, 63);
  const branch = subdomain.slice(0, Math.max(0, 62 - runner.length)).replace(/-+$/, '');
  return (branch === '' ? runner : `${branch}-${runner}`).replace(/^-+|-+$/g, '');
}

/** The branch, also where HEAD is detached, as it is on GitHub's runners. */
export function branchOf(git: GitFacts, host: VariableSources['host']): string {
  return git.branch || host['GITHUB_HEAD_REF'] || host['GITHUB_REF_NAME'] || '';
}

/** Reads `--env NAME=value`: predefined variables only, since nothing else of the host may enter a machine unseen by its keys. */
export function parseOverrides(texts: readonly string[]): { readonly overrides: Variables } | { readonly why: string } {
  const overrides: Record<string, string> = {};
  for (const text of texts) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const variable = predefinedVariable(name);
    if (variable === null) {
      const names = predefinedVariables.filter((one) => one.set !== 'secret').map((one) => one.name);
      const near = nearest(name, names);
      const hint = near === null ? `one of ${names.join(', ')}` : `${near}?`;
      return {
        why: `--env ${name}: only predefined variables can be given a value here (${hint}); set others with ENV in the Layerfile`,
      };
    }
    if (variable.set === 'secret') return { why: `--env ${name}: it is a secret; use --secret ${name}` };
    if (equals < 0) return { why: `--env ${name}: the value is missing (--env ${name}=value)` };
    overrides[name] = text.slice(equals + 1);
  }
  return { overrides };
}

function ownerAndName(url: string, directoryName: string): { readonly owner: string; readonly name: string } {
  const path = parseRemote(url)?.path ?? '';
  const slash = path.lastIndexOf('/');
  return slash < 0
    ? { owner: 'local', name: directoryName }
    : { owner: path.slice(0, slash), name: path.slice(slash + 1) };
}

function githubUrl(host: VariableSources['host']): string {
  const repository = host['GITHUB_REPOSITORY'];
  return repository ? `${host['GITHUB_SERVER_URL'] || 'https://github.com'}/${repository}` : '';
}

function pullRequestUrl(host: VariableSources['host']): string | null {
  const number = /^refs\/pull\/(\d+)\//.exec(host['GITHUB_REF'] ?? '')?.[1];
  const url = githubUrl(host);
  return number === undefined || url === '' ? null : `${url}/pull/${number}`;
}
