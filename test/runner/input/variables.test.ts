import { expect, test } from 'vitest';
import { predefinedVariables } from '../../../src/ir/variables.ts';
import type { GitFacts } from '../../../src/runner/input/git-facts.ts';
import { parseOverrides, predefinedValues, previewLabel } from '../../../src/runner/input/variables.ts';
import type { VariableSources } from '../../../src/runner/input/variables.ts';

const facts: GitFacts = {
  commit: '0123456789abcdef0123456789abcdef01234567',
  branch: 'feat/add-some-dashboard-pages',
  tag: 'v1.2-3-g0123456',
  title: 'Say "hello"; $(id)',
  originUrl: 'git@github.com:acme/web.git',
  repositoryId: 'origin github.com/acme/web',
  warning: null,
};
const sources: VariableSources = {
  git: facts,
  directoryName: 'checkout',
  host: {},
  jobId: 41,
  runnerId: 'Tests-Cypress',
  previewPort: 7080,
  overrides: {},
};
const nowhere: GitFacts = { ...facts, commit: '', branch: '', tag: '', title: '', originUrl: '' };

test('on a person’s machine they come from git and the store', () => {
  expect(predefinedValues(sources)).toEqual({
    CI: 'true',
    IS_CI_MACHINE: 'true',
    CI_MACHINE: 'true',
    IN_CI_MACHINE: 'true',
    IN_CI: 'true',
    WEBAPPIO: 'true',
    LAYERCI: 'true',
    DEBIAN_FRONTEND: 'noninteractive',
    GIT_COMMIT: '0123456789abcdef0123456789abcdef01234567',
    GIT_SHORT_COMMIT: '0123456789ab',
    GIT_BRANCH: 'feat/add-some-dashboard-pages',
    GIT_TAG: 'v1.2-3-g0123456',
    GIT_COMMIT_TITLE: 'Say "hello"; $(id)',
    GIT_CLONE_URL: 'https://github.com/acme/web.git',
    SUBDOMAIN: 'add-some-dashboard-pages',
    REPOSITORY_NAME: 'web',
    REPOSITORY_OWNER: 'acme',
    ORGANIZATION_NAME: 'acme',
    JOB_ID: '41',
    LAYERCI_JOB_ID: '41',
    RUNNER_ID: 'Tests-Cypress',
    RETRY_INDEX: '1',
    EXPOSE_WEBSITE_HOST: 'add-some-dashboard-pages-tests-cypress.localhost:7080',
  });
});

test('every variable that is always set is there, also without git', () => {
  const values = predefinedValues({ ...sources, git: nowhere });
  const always = predefinedVariables.filter((one) => one.set === 'always').map((one) => one.name);
  expect(Object.keys(values).sort()).toEqual(always.sort());
  expect(values).toMatchObject({
    GIT_COMMIT: '',
    GIT_BRANCH: '',
    SUBDOMAIN: '',
    GIT_CLONE_URL: '',
    REPOSITORY_OWNER: 'local',
    REPOSITORY_NAME: 'checkout',
    ORGANIZATION_NAME: 'local',
    EXPOSE_WEBSITE_HOST: 'tests-cypress.localhost:7080',
  });
});

test('on a runner of GitHub a detached HEAD has its branch from the environment', () => {
  const host = {
    GITHUB_HEAD_REF: 'topic/x',
    GITHUB_REF_NAME: '12/merge',
    GITHUB_REF: 'refs/pull/12/merge',
    GITHUB_REPOSITORY: 'acme/web',
    GITHUB_SERVER_URL: 'https://git.acme.org',
    GITHUB_RUN_ATTEMPT: '3',
    GITHUB_TOKEN: 'ghs_secret',
  };
  const git = { ...facts, branch: '' };
  const values = predefinedValues({ ...sources, git, host });
  expect(values).toMatchObject({
    GIT_BRANCH: 'topic/x',
    SUBDOMAIN: 'x',
    RETRY_INDEX: '3',
    PULL_REQUEST_URL: 'https://git.acme.org/acme/web/pull/12',
  });
  expect(JSON.stringify(values)).not.toContain('ghs_secret');
  expect(
    predefinedValues({ ...sources, git, host: { GITHUB_HEAD_REF: '', GITHUB_REF_NAME: 'main' } })['GIT_BRANCH'],
  ).toBe('main');
  expect(predefinedValues({ ...sources, host })['GIT_BRANCH']).toBe(facts.branch);
  expect(predefinedValues({ ...sources, git: nowhere, host })).toMatchObject({
    REPOSITORY_OWNER: 'acme',
    GIT_CLONE_URL: 'https://git.acme.org/acme/web.git',
  });
});

test('what is made from another variable follows its override', () => {
  const overrides = {
    GIT_BRANCH: 'Release/2.0',
    REPOSITORY_OWNER: 'us',
    JOB_ID: '7',
    API_EXTRA: 'a=b',
    GIT_COMMIT: 'f'.repeat(40),
  };
  expect(predefinedValues({ ...sources, overrides })).toMatchObject({
    GIT_BRANCH: 'Release/2.0',
    SUBDOMAIN: '2-0',
    EXPOSE_WEBSITE_HOST: '2-0-tests-cypress.localhost:7080',
    ORGANIZATION_NAME: 'us',
    LAYERCI_JOB_ID: '7',
    API_EXTRA: 'a=b',
    GIT_SHORT_COMMIT: 'f'.repeat(12),
  });
  expect(predefinedValues({ ...sources, overrides: { SUBDOMAIN: 'mine' } })['EXPOSE_WEBSITE_HOST']).toBe(
    'mine-tests-cypress.localhost:7080',
  );
});

test('a host name’s label never gets longer than DNS allows', () => {
  for (const [branch, runner] of [
    ['b'.repeat(63), 'r'],
    ['b'.repeat(63), 'R'.repeat(80)],
    [`${'b'.repeat(53)}-x`, 'runner-id'],
    ['', 'Main'],
  ] as const) {
    expect(previewLabel(branch, runner)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
  }
});

test('--env takes predefined variables and says what else to do', () => {
  expect(parseOverrides(['GIT_BRANCH=a=b', 'API_EXTRA='])).toEqual({ overrides: { GIT_BRANCH: 'a=b', API_EXTRA: '' } });
  expect(parseOverrides(['GIT_BRNACH=x'])).toMatchObject({ why: expect.stringContaining('(GIT_BRANCH?)') });
  expect(parseOverrides(['MY_OWN=x'])).toMatchObject({ why: expect.stringContaining('ENV in the Layerfile') });
  expect(parseOverrides(['GIT_BRANCH'])).toMatchObject({ why: expect.stringContaining('--env GIT_BRANCH=value') });
  expect(parseOverrides(['GIT_CLONE_USER=x:y'])).toMatchObject({
    why: expect.stringContaining('--secret GIT_CLONE_USER'),
  });
});
