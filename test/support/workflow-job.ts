import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A job as GitHub's runner surrounds it: workspace, event, file commands, inputs as variables. */
export interface JobSetting {
  /** A directory for the runner's own files. */
  readonly temp: string;
  readonly workspace: string;
  readonly event: { readonly name: string; readonly ref: string; readonly payload: unknown };
  readonly inputs: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** What the step's main program left for its post program. */
  readonly state?: Readonly<Record<string, string>>;
  /** The job is cancelled when this is in the log, as the runner does it: SIGINT to the program that it started. */
  readonly cancelAt?: string;
  /** What the program is started by, where that is not root itself. */
  readonly prefix?: readonly string[];
}

/** What a program of an action left. */
export interface JobEnd {
  readonly code: number | null;
  readonly log: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly state: Readonly<Record<string, string>>;
  /** From the start of the process to the group of the first step that runs; null where none ran. */
  readonly firstGroupMs: number | null;
}

let count = 0;

/** Runs a program of the action to its end. */
export async function runProgram(program: string, setting: JobSetting): Promise<JobEnd> {
  const files = join(setting.temp, `files-${(count += 1)}`);
  mkdirSync(files, { recursive: true });
  const file = (name: string, text = ''): string => {
    writeFileSync(join(files, name), text);
    return join(files, name);
  };
  const { event } = setting;
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '',
    HOME: setting.temp,
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: setting.workspace,
    GITHUB_REPOSITORY: 'octo/gallery',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_SHA: '0123456789abcdef0123456789abcdef01234567',
    GITHUB_RUN_ID: '1',
    GITHUB_EVENT_NAME: event.name,
    GITHUB_REF: event.ref,
    GITHUB_REF_NAME: event.ref.replace(/^refs\/(heads|tags|pull)\//, ''),
    GITHUB_EVENT_PATH: file('event.json', JSON.stringify(event.payload)),
    GITHUB_OUTPUT: file('output'),
    GITHUB_STATE: file('state'),
    GITHUB_ENV: file('env'),
    GITHUB_PATH: file('path'),
    GITHUB_STEP_SUMMARY: file('summary'),
    RUNNER_TEMP: setting.temp,
    RUNNER_OS: 'Linux',
    ...Object.fromEntries(
      Object.entries(setting.inputs).map(([name, value]) => [
        `INPUT_${name.toUpperCase().replaceAll(' ', '_')}`,
        value,
      ]),
    ),
    ...Object.fromEntries(Object.entries(setting.state ?? {}).map(([name, value]) => [`STATE_${name}`, value])),
    ...setting.env,
  };
  const [command = '', ...args] = [...(setting.prefix ?? []), process.execPath, program];
  const child = spawn(command, args, { cwd: setting.workspace, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const began = performance.now();
  let log = '';
  let firstGroupMs: number | null = null;
  let { cancelAt = null } = setting;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (cancelAt !== null && log.includes(cancelAt)) {
        cancelAt = null;
        child.kill('SIGINT');
      }
      if (firstGroupMs === null && log.includes('::group::')) firstGroupMs = performance.now() - began;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return {
    code,
    log,
    outputs: readFileCommands(join(files, 'output')),
    state: readFileCommands(join(files, 'state')),
    summary: readFileSync(join(files, 'summary'), 'utf8'),
    firstGroupMs,
  };
}

/** `NAME<<delimiter`, value, delimiter; as the runner reads them. */
function readFileCommands(path: string): Record<string, string> {
  const found: Record<string, string> = {};
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
    const [, name, delimiter] = /^([^=<]+)<<(.+)$/.exec(line) ?? [];
    if (name === undefined || delimiter === undefined) continue;
    const end = lines.indexOf(delimiter);
    found[name] = lines.splice(0, end).join('\n');
    lines.shift();
  }
  return found;
}

/** A push to a branch of a repository whose default branch is main. */
export function pushTo(branch: string): JobSetting['event'] {
  const repository = { full_name: 'octo/gallery', default_branch: 'main' };
  return { name: 'push', ref: `refs/heads/${branch}`, payload: { ref: `refs/heads/${branch}`, repository } };
}

/** A pull request to main. */
export function pullRequest(number: number, from: 'own' | 'fork'): JobSetting['event'] {
  const repository = { full_name: 'octo/gallery', default_branch: 'main' };
  const head = { ref: 'topic', repo: { full_name: from === 'own' ? 'octo/gallery' : 'mallory/gallery' } };
  return {
    name: 'pull_request',
    ref: `refs/pull/${number}/merge`,
    payload: { number, repository, pull_request: { number, head, base: { ref: 'main' } } },
  };
}
