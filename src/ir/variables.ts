/** A variable that every machine has without being told. */
export interface PredefinedVariable {
  readonly name: string;
  /** `always`: in every run (perhaps empty); `sometimes`: only where there is a value; `secret`: only after SECRET ENV names it. */
  readonly set: 'always' | 'sometimes' | 'secret';
  /** Whether BUILD ENV may name it. */
  readonly buildEnv: boolean;
  /** Whether its value differs from run to run, from commit to commit or from branch to branch. */
  readonly varies: boolean;
  /** Whether a RUN that uses it most likely means to run again when it changes. */
  readonly wantsBuildEnv: boolean;
  /** A few words for hover texts and tables. */
  readonly meaning: string;
}

const constant = { set: 'always', buildEnv: true, varies: false, wantsBuildEnv: false } as const;
const varying = { set: 'always', buildEnv: true, varies: true, wantsBuildEnv: false } as const;
const branchOrCommit = { set: 'always', buildEnv: true, varies: true, wantsBuildEnv: true } as const;

/** All of them, in the order in which the documentation lists them. */
export const predefinedVariables: readonly PredefinedVariable[] = [
  { name: 'CI', ...constant, meaning: 'always `true`' },
  { name: 'IS_CI_MACHINE', ...constant, meaning: 'always `true`' },
  { name: 'CI_MACHINE', ...constant, meaning: 'always `true`' },
  { name: 'IN_CI_MACHINE', ...constant, meaning: 'always `true`' },
  { name: 'IN_CI', ...constant, meaning: 'always `true`' },
  { name: 'WEBAPPIO', ...constant, meaning: 'always `true`' },
  { name: 'LAYERCI', ...constant, meaning: 'always `true`' },
  { name: 'DEBIAN_FRONTEND', ...constant, meaning: 'always `noninteractive`' },
  { name: 'GIT_COMMIT', ...branchOrCommit, meaning: 'the full commit' },
  { name: 'GIT_SHORT_COMMIT', ...branchOrCommit, meaning: 'the first 12 characters of the commit' },
  { name: 'GIT_BRANCH', ...branchOrCommit, meaning: 'the branch' },
  { name: 'GIT_TAG', ...branchOrCommit, meaning: 'what `git describe --always` says' },
  { name: 'GIT_COMMIT_TITLE', ...branchOrCommit, meaning: "the first line of the commit's message" },
  {
    name: 'GIT_CLONE_URL',
    ...branchOrCommit,
    varies: false,
    meaning: 'where to clone this repository, without credentials',
  },
  { name: 'SUBDOMAIN', ...branchOrCommit, meaning: 'the branch as a word that a host name may hold' },
  { name: 'REPOSITORY_NAME', ...constant, meaning: "the repository's name" },
  { name: 'REPOSITORY_OWNER', ...constant, meaning: "the repository's owner" },
  { name: 'ORGANIZATION_NAME', ...constant, meaning: 'the organization, the owner by default' },
  { name: 'JOB_ID', ...varying, meaning: 'the number of this run' },
  { name: 'LAYERCI_JOB_ID', ...varying, meaning: 'the old name of `JOB_ID`' },
  { name: 'RUNNER_ID', ...varying, meaning: "this runner's id" },
  { name: 'RETRY_INDEX', ...varying, meaning: 'the attempt, from 1' },
  {
    name: 'EXPOSE_WEBSITE_HOST',
    ...varying,
    buildEnv: false,
    meaning: 'the host name that EXPOSE WEBSITE makes reachable',
  },
  {
    name: 'PULL_REQUEST_URL',
    ...branchOrCommit,
    set: 'sometimes',
    meaning: 'the pull request, where the run has one',
  },
  { name: 'API_EXTRA', ...branchOrCommit, set: 'sometimes', meaning: 'what the caller of the API gave along' },
  { name: 'DEPLOYMENT_HOST', ...varying, set: 'sometimes', meaning: 'the host of the deployment, where there is one' },
  {
    name: 'GIT_CLONE_USER',
    set: 'secret',
    buildEnv: true,
    varies: true,
    wantsBuildEnv: false,
    meaning: 'user and token for cloning (`x-access-token:…`), after `SECRET ENV GIT_CLONE_USER`',
  },
];

const byName = new Map(predefinedVariables.map((one) => [one.name, one]));

/** The predefined variable of that name; null where there is none. */
export function predefinedVariable(name: string): PredefinedVariable | null {
  return byName.get(name) ?? null;
}

/** Set by bash, by login or by the current user, so always there without anyone naming them. */
export const shellVariables: ReadonlySet<string> = new Set([
  ...['HOME', 'USER', 'LOGNAME', 'SHELL', 'PATH', 'PWD', 'OLDPWD', 'LANG', 'TERM', 'SHLVL', 'HOSTNAME', 'UID', 'EUID'],
  ...['RANDOM', 'SECONDS', 'IFS', 'PPID', 'BASH', 'BASH_VERSION', 'HOSTTYPE', 'MACHTYPE', 'OSTYPE', 'LINENO', 'PS1'],
]);

/** What a name must look like for bash to take it as a variable. */
export function isVariableName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(text);
}
