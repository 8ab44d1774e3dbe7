import { parse } from 'yaml';
import type { Diagnostic } from '../../../src/diagnostics/diagnostic.ts';
import type { OutputFile } from '../../../src/target.ts';
import { defaultOptions, type TargetOptions } from '../../../targets/index.ts';
import { compileFor } from '../../support/compiled.ts';
import { type MemoryEntry, MemoryRepo } from '../../support/memory-repo.ts';
import type { RawJob, RawStep } from '../../support/workflow-executor/job.ts';
import { actionlint, shellcheck } from '../../support/workflow/lint.ts';
import { parseAsGithub } from '../../support/workflow/parse.ts';

/** What a repository in memory becomes. */
export interface Emitted {
  readonly found: readonly Diagnostic[];
  readonly files: readonly OutputFile[] | null;
  /** The workflow; empty where something is an error. */
  readonly text: string;
}

export type Options = Partial<TargetOptions['github']>;

export async function emitted(entries: Readonly<Record<string, MemoryEntry>>, options: Options = {}): Promise<Emitted> {
  const { found, files } = await compileFor('github', new MemoryRepo(entries), {
    ...defaultOptions,
    github: { ...defaultOptions.github, ...options },
  });
  return { found: found ?? [], files, text: files?.[0]?.content ?? '' };
}

/** A workflow as its YAML has it, as far as it is looked at. */
export interface RawWorkflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly concurrency: { readonly group: string; readonly 'cancel-in-progress': unknown };
  readonly env: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      RawJob & {
        readonly if?: string;
        readonly permissions: Readonly<Record<string, string>>;
        readonly 'timeout-minutes': number;
      }
    >
  >;
}

export function readWorkflow(text: string): RawWorkflow {
  return parse(text) as RawWorkflow;
}

/** Everything that is wrong with a workflow: by GitHub's parser, by actionlint, by shellcheck in what we wrote, and by what must hold of all of ours. */
export async function faults(text: string): Promise<readonly string[]> {
  const workflow = readWorkflow(text);
  return [
    ...(await parseAsGithub(text)).errors,
    ...(await actionlint(text)),
    ...shellcheck(ownScripts(workflow)),
    ...selfChecks(text, workflow),
  ];
}

/** The scripts that we wrote ourselves: all but the commands of RUN, and ENV's values that are the user's commands. */
function ownScripts({ jobs }: RawWorkflow): ReadonlyMap<string, string> {
  const scripts = Object.entries(jobs).flatMap(([id, { steps }]) =>
    steps.flatMap(({ shell = '', run }, index): [string, string][] =>
      run !== undefined && (shell === 'bash' || shell.startsWith('layer-sh env '))
        ? [[`${id} step ${index}`, run]]
        : [],
    ),
  );
  return new Map(scripts);
}

function selfChecks(text: string, workflow: RawWorkflow): readonly string[] {
  const found: string[] = [];
  const must = (holds: boolean, sentence: string): void => {
    if (!holds) found.push(sentence);
  };
  must(
    !/pull_request_target|workflow_run|secrets: inherit|toJSON\(secrets/i.test(withoutScripts(text)),
    'a dangerous trigger or context',
  );
  must(Object.keys(workflow.permissions).length === 0, 'permissions at the top');
  must(workflow.concurrency.group.includes('github.ref'), 'no concurrency');
  const ids = Object.keys(workflow.jobs);
  must(new Set(ids.map((id) => id.toLowerCase())).size === ids.length, 'two jobs with one id');
  for (const [id, job] of Object.entries(workflow.jobs)) {
    must(/^[A-Za-z_][A-Za-z0-9_-]*$/.test(id), `${id} is no id`);
    // What is needed stands above: so there are no cycles.
    for (const need of job.needs ?? [])
      must(ids.indexOf(need) >= 0 && ids.indexOf(need) < ids.indexOf(id), `${id} needs ${need}`);
    must(job['timeout-minutes'] > 0 && typeof job.name === 'string', `${id} has no name or no time`);
    must((job.strategy?.matrix['SPLIT']?.length ?? 0) <= 256, `${id} has too many copies`);
    must(!/\b(env|secrets)\./.test(job.if ?? ''), `${id} asks for what its if may not see`);
    must(!/\b(env|runner|hashFiles)\b[.(]/.test(JSON.stringify(job.env ?? {})), `${id} has an env that may not be`);
    must(
      Object.entries(job.permissions).every(([scope, access]) => allowedScopes.has(`${scope}: ${access}`)),
      `${id} may do too much`,
    );
    if (job.container !== undefined)
      must(/@sha256:[0-9a-f]{64}('\s*\}\})?$/.test(job.container.image), `${id} has an unpinned image`);
    found.push(...stepChecks(id, job.steps));
  }
  for (const line of text.split('\n').filter((one) => /^ +uses:|^ +- uses:/.test(one))) {
    must(/uses: (\.\/|[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$)/.test(line), `unpinned:${line}`);
  }
  return found;
}

const allowedScopes = new Set([
  ...['contents: read', 'actions: read', 'id-token: write'],
  ...['packages: read', 'packages: write'],
]);

function stepChecks(job: string, steps: readonly RawStep[]): readonly string[] {
  const found: string[] = [];
  const ids = steps.flatMap(({ id }) => id ?? []);
  if (new Set(ids).size !== ids.length) found.push(`${job} has two steps with one id`);
  const up = steps.flatMap(({ background, id }) => (background === true ? [id ?? ''] : []));
  const ended = steps.flatMap(({ cancel }) => cancel ?? []);
  if (up.length > 10) found.push(`${job} has too many background steps`);
  if ([...up].sort().join() !== [...ended].sort().join()) found.push(`${job} does not end what it starts`);
  for (const step of steps) {
    if ((step.name ?? '') === '') found.push(`${job} has a step without a name`);
    if (step.run?.includes('${{') === true) found.push(`${job}: an expression in ${step.run}`);
    if ((step.run?.length ?? 0) > 21_000) found.push(`${job}: a script is too long`);
    if (step.uses?.startsWith('actions/checkout@') === true && step.with?.['persist-credentials'] !== false) {
      found.push(`${job} keeps its credentials`);
    }
    if (/\bsecrets\b/.test((step as { if?: string }).if ?? '')) found.push(`${job}: a condition on secrets`);
  }
  return found;
}

/** Without what users wrote. */
function withoutScripts(text: string): string {
  const workflow = readWorkflow(text);
  return JSON.stringify({
    ...workflow,
    jobs: Object.entries(workflow.jobs).map(([id, { steps, ...job }]) => [
      id,
      { ...job, name: '' },
      steps.map(({ with: given, if: gate }: RawStep & { if?: string }) => [given, gate]),
    ]),
  });
}
