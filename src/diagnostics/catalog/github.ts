import { entry } from './entry.ts';

/** What compiling for GitHub Actions finds. */
export const githubCatalog = {
  'github/no-runner': entry<{ base: string }>({
    severity: 'error',
    message: ({ base }) =>
      `GitHub has no runner for ${base}; use vm/ubuntu:22.04 or 24.04, vm/debian:12 or 13, or an OCI image, or compile with --engine`,
    explain:
      'Jobs run on the machines that GitHub offers, or in a container. A base that is a tarball or a directory is neither; `layer run` takes it.',
  }),
  'github/other-machine': entry<{ difference: string }>({
    severity: 'warning',
    message: ({ difference }) => difference,
    explain:
      'GitHub has no runner that is exactly this base machine, so the nearest one is used. The sentence says how it differs.',
  }),
  'github/memory': entry<{ gigabytes: number }>({
    severity: 'warning',
    message: ({ gigabytes }) =>
      `MEMORY asks for ${gigabytes}G; GitHub's standard runners have 16G at most, so the job has less`,
    explain:
      'Hosted runners have 16 GB in public repositories and 8 GB in private ones. Larger ones exist for organisations.',
  }),
  'github/background': entry<object>({
    severity: 'error',
    message: () =>
      'GitHub runs ten background steps of a job at most, and this is the eleventh; compile with --background=shell',
    explain: `A job has ten background steps at most. Start several programs in one RUN BACKGROUND, or compile with
\`--background=shell\`, where layer-sh keeps the processes itself.`,
  }),
  'github/secret-name': entry<{ name: string; instead: string }>({
    severity: 'warning',
    message: ({ name, instead }) => `GitHub takes no secret called ${name}; give it the value as ${instead}`,
    explain: `Names of GitHub's secrets do not start with GITHUB_ or a digit. The step gets the variable under its own name, from the
secret of the other name.`,
  }),
  'github/own-token': entry<object>({
    severity: 'warning',
    message: () => "GITHUB_TOKEN is the job's own token, which may only read this repository's content",
    explain: `GitHub makes a GITHUB_TOKEN for each job; a secret of that name cannot be set. For more rights, keep a token of your own
under another name.`,
  }),
  'github/clone-token': entry<object>({
    severity: 'info',
    message: () => 'a private repository can be cloned only with a secret LAYER_CLONE_TOKEN that may read it',
    explain: `A job's own token reads no other private repository. CLONE uses the repository secret LAYER_CLONE_TOKEN for
https://github.com/… where there is one; public repositories need none.`,
  }),
  'github/deployment-host': entry<object>({
    severity: 'warning',
    message: () => 'DEPLOYMENT_HOST is set only where the repository has a variable of this name',
    explain: `GitHub knows no host that a branch is deployed to. Give the repository a variable DEPLOYMENT_HOST (Settings, Secrets and
variables, Actions, Variables); without it, the name is not set in a job, as it is not set on a person's machine.`,
  }),
  'github/hidden': entry<object>({
    severity: 'warning',
    message: () => 'LABEL status=hidden: GitHub shows the check of every job',
    explain: 'A job of a workflow always shows as a check. Leave it out of the required ones instead.',
  }),
  'github/image-of-everything': entry<object>({
    severity: 'warning',
    message: () =>
      'the image of this Layerfile is made anew at every commit, because this COPY takes the whole repository',
    explain: `With --inherit=image, GitHub cannot see what a step reads, so the image of a parent is named by all files that its COPYs take. Copy
only what the steps below need (\`COPY package.json package-lock.json ./\`), and the rest in the Layerfiles that start from it; or
compile with --engine, which sees what is read.`,
  }),
  'github/inlined': entry<{ runs: number; jobs: number; extra: number; minutes: number }>({
    severity: 'info',
    message: ({ runs, jobs, extra, minutes }) =>
      `${count(runs, 'RUN')} of this Layerfile run in each of ${jobs} jobs: ${extra} more than with \`layer run\`; where they take more than about ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}, it is cheaper to hand the files over (--inherit=artifact) or to keep them in an image (--inherit=image); --engine skips`,
    explain: `A job starts on a fresh machine, so what a parent's steps do is done again in each child's job. It costs the parents' minutes
times the children. (The estimate takes a minute for packing the files, and one for unpacking them in each job.)
\`--inherit=artifact\` runs them once, in a job of their own, and hands the files (no processes) to the children: it pays where
parents are slow and leave little. \`--inherit=image\` keeps the files in an image in the repository's registry, so that later runs
start from there; pull requests push none, and run the steps in each job where there is none. \`--engine\` runs \`layer run\`,
which restores snapshots.`,
  }),
};

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
