import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseAsGithub } from '../workflow/parse.ts';
import { evaluate, interpolate, isTrue, textOf, type Contexts, type Status } from './expressions.ts';
import type { OwnAction } from './own-action.ts';
import type { Identity } from './aws.ts';
import { runJob, type JobResult, type OutputLine, type RawJob } from './job.ts';

/** What a repository on GitHub has beside its files. */
export interface WorkflowRun {
  readonly workflow: string;
  /** A git repository; its HEAD is what is built. */
  readonly repository: string;
  /** A root file system: what a job's machine is before the first step. */
  readonly base: string;
  /** Where this run, and caches of all runs, are kept. */
  readonly scratch: string;
  readonly branch?: string;
  readonly event?: 'push' | 'pull_request';
  /** The number of this run. */
  readonly number?: number;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly pullRequest?: { readonly title: string; readonly url: string };
  readonly apiExtra?: string;
  /** Directories of the host that the machines have at the same place. */
  readonly visible?: readonly string[];
  /** Where images are, as `dockerProgram` keeps them. */
  readonly registry?: string;
  /** Programs that a hosted runner has and the base has not. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Variables of the repository. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Where jobs get tokens that say who they are, and AWS takes them. */
  readonly identity?: Identity;
  /** This project's own action, where jobs use it. */
  readonly ownAction?: OwnAction;
  /** Environments: how many must review, and what they say. One that is not here does not exist. */
  readonly environments?: Readonly<
    Record<string, { readonly reviewers: number; readonly decision: 'approve' | 'reject' }>
  >;
}

/** How the jobs of a workflow ended, by id; a matrix has a leg for each of its values. */
export interface WorkflowResult {
  readonly jobs: Readonly<Record<string, { readonly result: Status; readonly legs: readonly JobResult[] }>>;
}

/** Runs a workflow as GitHub does, offline: GitHub's own parser and expressions, and a fresh machine for each job. */
export async function runWorkflow(run: WorkflowRun): Promise<WorkflowResult> {
  const { template, errors } = await parseAsGithub(run.workflow);
  if (template === null || errors.length > 0) throw new Error(errors.join('\n'));
  const raw = parse(run.workflow) as { env?: Record<string, unknown>; jobs: Record<string, RawJob> };
  const contexts = contextsOf(run);
  const world = {
    repository: run.repository,
    caches: join(run.scratch, 'caches'),
    artifacts: join(run.scratch, `artifacts-${run.number ?? 1}`),
    identity: run.identity ?? null,
  };
  mkdirSync(world.caches, { recursive: true });
  mkdirSync(world.artifacts);
  const done: Record<string, { result: Status; legs: JobResult[]; outputs: Record<string, string> }> = {};
  // Jobs stand below what they need, so one after another is an order that GitHub could choose too.
  for (const job of template.jobs) {
    const id = job.id.value;
    const rawJob = raw.jobs[id];
    if (job.type !== 'job' || rawJob === undefined) throw new Error(`the executor does not know jobs like ${id}`);
    const needed = (rawJob.needs ?? []).map((need) => [need, done[need]] as const);
    for (const [need, one] of needed)
      if (one === undefined) throw new Error(`${id} needs ${need}, which stands below it`);
    const needs = Object.fromEntries(
      needed.map(([need, one]) => [need, { result: one?.result, outputs: one?.outputs }]),
    );
    const before = worst(needed.map(([, one]) => one?.result ?? 'success'));
    if (!isTrue(evaluate(job.if.expression, { ...contexts, needs }, before))) {
      done[id] = { result: 'skipped', legs: [], outputs: {} };
      continue;
    }
    const conditions = job.steps.map((step) => ('if' in step && step.if ? step.if.expression : 'success()'));
    const legs: JobResult[] = [];
    for (const matrix of legsOf(rawJob)) {
      const legContexts = { ...contexts, needs, matrix, strategy: { 'job-index': legs.length } };
      const decided = decide(rawJob, { run, contexts: legContexts });
      if (decided !== null) legs.push(decided);
      else {
        const programs = { gh: ghProgram(run), ...run.programs };
        const workflowEnv = raw.env ?? {};
        legs.push(
          await runJob({
            job: rawJob,
            conditions,
            contexts: legContexts,
            workflowEnv,
            base: baseOf(rawJob, { run, contexts: legContexts }),
            registry: run.registry ?? null,
            world,
            programs,
            visible: run.visible ?? [],
            ownAction: run.ownAction ?? null,
          }),
        );
      }
    }
    const outputs = Object.assign(
      {},
      ...legs.map((leg) => Object.fromEntries(Object.entries(leg.outputs).filter(([, value]) => value !== ''))),
    );
    done[id] = { result: worst(legs.map((leg) => leg.result)), legs, outputs };
  }
  return { jobs: done };
}

/** What the RUNs of a job printed, in order. */
export function ownLines(legs: readonly { readonly lines: readonly OutputLine[] }[]): readonly string[] {
  return legs.flatMap((leg) => leg.lines.filter((line) => line.own).map((line) => line.text));
}

function worst(results: readonly Status[]): Status {
  for (const one of ['failure', 'cancelled', 'skipped'] as const) if (results.includes(one)) return one;
  return 'success';
}

/** What a job's machine is before the first step: the base, below what an image of the registry adds. */
function baseOf(job: RawJob, { run, contexts }: { run: WorkflowRun; contexts: Contexts }): string {
  const image = textOf(interpolate(job.container?.image ?? '', contexts));
  if (!image.startsWith('ghcr.io/')) return run.base;
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(image)?.[1];
  if (digest === undefined || run.registry === undefined) throw new Error(`no image ${image}`);
  const layer = join(run.scratch, `image-${digest.slice(7, 23)}`);
  if (!existsSync(layer)) {
    mkdirSync(layer);
    execFileSync('tar', ['--xattrs', '-xpf', join(run.registry, `${digest}.tar`), '-C', layer]);
  }
  return `${layer}:${run.base}`;
}

function legsOf(job: RawJob): readonly Record<string, unknown>[] {
  const dimensions = Object.entries(job.strategy?.matrix ?? {});
  return dimensions.reduce<readonly Record<string, unknown>[]>(
    (rows, [name, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value }))),
    [{}],
  );
}

/** What an environment's reviewers say; null where the job may run. One without reviewers lets everybody through, also one that did not exist. */
function decide(job: RawJob, { run, contexts }: { run: WorkflowRun; contexts: Contexts }): JobResult | null {
  if (job.environment === undefined) return null;
  const environment = run.environments?.[textOf(interpolate(job.environment.name, contexts))];
  if (environment === undefined || environment.reviewers === 0 || environment.decision === 'approve') return null;
  return { result: 'failure', outputs: {}, lines: [], steps: [], summary: '' };
}

/** GitHub's own program, as far as workflows ask it: how many rules of an environment require reviewers. */
function ghProgram({ environments = {} }: WorkflowRun): string {
  const cases = Object.entries(environments).map(
    ([name, { reviewers }]) => `  repos/o/r/environments/${name}) echo ${reviewers > 0 ? 1 : 0} ;;`,
  );
  return `#!/bin/bash
if [ "$1" != api ] || [ "$3" != --jq ] || [[ $4 != *'select(.type == "required_reviewers")'* ]]; then exit 2; fi
case "$2" in
${cases.join('\n')}
  *) echo 'gh: Not Found (HTTP 404)' >&2; exit 1 ;;
esac
`;
}

function contextsOf(run: WorkflowRun): Contexts {
  const sha = execFileSync('git', ['-C', run.repository, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  const branch = run.branch ?? 'main';
  const event = run.event ?? 'push';
  const pullRequest = {
    number: 1,
    html_url: run.pullRequest?.url ?? 'https://github.com/o/r/pull/1',
    title: run.pullRequest?.title ?? 'A change',
    head: { sha, ref: branch, repo: { full_name: 'o/r' } },
  };
  return {
    github: {
      workflow: 'layer',
      event_name: event,
      sha,
      ref: event === 'push' ? `refs/heads/${branch}` : 'refs/pull/1/merge',
      ref_name: event === 'push' ? branch : '1/merge',
      head_ref: event === 'push' ? '' : branch,
      run_id: String(run.number ?? 1),
      actor: 'somebody',
      run_attempt: '1',
      repository: 'o/r',
      repository_owner: 'o',
      server_url: 'https://github.com',
      token: 'token-of-the-job',
      event: {
        repository: { name: 'r', full_name: 'o/r', default_branch: 'main' },
        ...(event === 'push' ? {} : { pull_request: pullRequest }),
      },
    },
    inputs: run.apiExtra === undefined ? {} : { api_extra: run.apiExtra },
    vars: { ...run.vars },
    secrets: { ...run.secrets },
    runner: { os: 'Linux' },
  };
}
