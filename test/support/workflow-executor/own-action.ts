import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../scratch.ts';
import { runProgram, type JobEnd } from '../workflow-job.ts';
import { textOf, type Contexts } from './expressions.ts';

/** This project's action as a job finds it. */
export interface OwnAction {
  /** What `uses` calls it. */
  readonly uses: string;
  /** Its built program. */
  readonly program: string;
  /** What its jobs have in the environment beside their own: where base machines are, the cache service. */
  environment(): Readonly<Record<string, string>>;
}

/**
 * Runs the action as a runner of one's own does: on this host, in a copy of the job's checkout, with a store that is empty when the job
 * begins. A job's machine could not hold the machines that the action makes: its root is an overlay itself.
 */
export async function runOwnAction(run: {
  readonly action: OwnAction;
  readonly workspace: string;
  readonly given: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly contexts: Contexts;
}): Promise<JobEnd> {
  const { action, given, env } = run;
  const temp = mkdtempSync(join(scratch(), 'job-'));
  const workspace = join(temp, 'workspace');
  mkdirSync(workspace);
  execFileSync('cp', ['-a', '--no-preserve=ownership', `${run.workspace}/.`, workspace]);
  execFileSync('git', ['-C', workspace, 'remote', 'set-url', 'origin', 'https://github.com/o/r']);
  const github = run.contexts['github'] as Readonly<Record<string, unknown>>;
  const text = (name: string): string => textOf(github[name]);
  return runProgram(action.program, {
    temp,
    workspace,
    event: { name: text('event_name'), ref: text('ref'), payload: github['event'] },
    inputs: given,
    env: {
      ...env,
      GITHUB_REPOSITORY: text('repository'),
      GITHUB_SHA: text('sha'),
      GITHUB_RUN_ID: text('run_id'),
      GITHUB_HEAD_REF: text('head_ref'),
      LAYER_STORE: join(temp, 'store'),
      ...action.environment(),
    },
  });
}
