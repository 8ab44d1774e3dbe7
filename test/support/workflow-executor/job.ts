import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { runAction, type ActionWorld } from './actions.ts';
import { evaluate, interpolate, isTrue, textOf, type Contexts, type Status } from './expressions.ts';
import { readFileCommands, refuseBlocked } from './file-commands.ts';
import { runOwnAction, type OwnAction } from './own-action.ts';
import { JobMachine, type MachineProcess } from './machine.ts';

/** A step as its YAML has it. */
export interface RawStep {
  readonly name?: string;
  readonly id?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly background?: boolean;
  readonly cancel?: string;
  readonly shell?: string;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly run?: string;
}

export interface RawJob {
  readonly name?: string;
  readonly needs?: readonly string[];
  readonly container?: { readonly image: string };
  readonly environment?: { readonly name: string };
  readonly permissions?: Readonly<Record<string, string>>;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly unknown[]>> };
  readonly env?: Readonly<Record<string, unknown>>;
  readonly defaults?: { readonly run: { readonly shell: string } };
  readonly steps: readonly RawStep[];
}

/** A line that a step printed, with secrets masked. */
export interface OutputLine {
  /** The step's name. */
  readonly step: string;
  readonly text: string;
  /** Whether a RUN or an ENV printed it: no bookkeeping of ours. */
  readonly own: boolean;
}

export interface JobResult {
  readonly result: Status;
  readonly outputs: Readonly<Record<string, string>>;
  readonly lines: readonly OutputLine[];
  /** How each step ended, by its name. */
  readonly steps: readonly { readonly name: string; readonly outcome: Status }[];
  readonly summary: string;
}

export interface JobRun {
  readonly job: RawJob;
  /** The conditions of the steps, as GitHub's parser completes them. */
  readonly conditions: readonly string[];
  readonly contexts: Contexts;
  readonly workflowEnv: Readonly<Record<string, unknown>>;
  readonly base: string;
  readonly world: ActionWorld;
  /** Programs of a hosted runner that the base has not: `gh`. */
  readonly programs: Readonly<Record<string, string>>;
  /** Directories of the host that the machine has at the same place. */
  readonly visible: readonly string[];
  /** A directory that machines have at /opt/registry, and leave what they push in; null: there is none. */
  readonly registry: string | null;
  /** This project's own action, as it is built; null where no job uses it. */
  readonly ownAction: OwnAction | null;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs one job, or one leg of a matrix, on a fresh machine. */
export async function runJob(run: JobRun): Promise<JobResult> {
  const kind = run.job.container === undefined ? 'runner' : 'container';
  await using machine = await JobMachine.start(run.base, kind);
  for (const [name, text] of Object.entries(run.programs)) machine.write(`/usr/local/bin/${name}`, text, 0o755);
  for (const path of run.visible) machine.copyIn(path);
  if (run.registry === null) return await new Job(run, machine).run();
  machine.directory('/opt');
  execFileSync('cp', ['-aT', run.registry, machine.host('/opt/registry')]);
  chmodSync(machine.host('/opt/registry'), 0o777);
  const result = await new Job(run, machine).run();
  execFileSync('cp', ['-aT', machine.host('/opt/registry'), run.registry]);
  return result;
}

interface Background {
  readonly step: string;
  readonly process: MachineProcess;
  readonly finish: () => void;
  code: number | null;
}

class Job {
  readonly #run: JobRun;
  readonly #machine: JobMachine;
  readonly #env: Record<string, string> = {};
  readonly #steps: Record<string, { outputs: Record<string, string>; outcome: Status; conclusion: Status }> = {};
  readonly #lines: OutputLine[] = [];
  readonly #ended: { name: string; outcome: Status }[] = [];
  readonly #background = new Map<string, Background>();
  readonly #masks: Set<string>;
  #status: Status = 'success';
  #summary = '';

  constructor(run: JobRun, machine: JobMachine) {
    this.#run = run;
    this.#machine = machine;
    this.#masks = new Set(Object.values(run.contexts['secrets'] as Record<string, string>).filter((one) => one !== ''));
  }

  async run(): Promise<JobResult> {
    const { job, workflowEnv, conditions } = this.#run;
    for (const env of [workflowEnv, job.env ?? {}]) Object.assign(this.#env, this.#texts(env));
    for (const [index, step] of job.steps.entries()) await this.#step(step, conditions[index] ?? 'success()', index);
    for (const [id, one] of this.#background) {
      if (one.code === null) throw new Error(`the background step ${id} is never cancelled: the job would hang`);
    }
    const outputs = this.#texts(job.outputs ?? {});
    return { result: this.#status, outputs, lines: this.#lines, steps: this.#ended, summary: this.#summary };
  }

  #contexts(): Contexts {
    const job = { status: this.#status };
    return { ...this.#run.contexts, env: this.#env, steps: this.#steps, job };
  }

  #texts(values: Readonly<Record<string, unknown>>): Record<string, string> {
    const done = interpolate(values, this.#contexts(), this.#status) as Record<string, unknown>;
    return Object.fromEntries(Object.entries(done).map(([key, value]) => [key, textOf(value)]));
  }

  async #step(step: RawStep, condition: string, index: number): Promise<void> {
    const name = textOf(interpolate(step.name ?? step.run ?? step.uses ?? '', this.#contexts(), this.#status));
    const id = step.id ?? `__${index}`;
    if (step.cancel !== undefined) return this.#cancel(step.cancel, name);
    if (!isTrue(evaluate(condition, this.#contexts(), this.#status)))
      return this.#end({ id, name, outcome: 'skipped' });
    if (step.uses !== undefined) {
      const outcome = await this.#uses(step, id);
      return this.#end({ id, name, outcome });
    }
    const files = this.#files(index);
    const process = this.#start({ step, name, index, files });
    const finish = (): void => this.#readFiles(id, files);
    if (step.background === true) {
      const background: Background = { step: name, process, finish, code: null };
      this.#background.set(id, background);
      void process.exit.then((code) => (background.code = code));
      return;
    }
    const code = await process.exit;
    try {
      finish();
      this.#end({ id, name, outcome: code === 0 ? 'success' : 'failure' });
    } catch (error) {
      this.#lines.push({ step: name, text: `##[error]${String(error)}`, own: false });
      this.#end({ id, name, outcome: 'failure' });
    }
  }

  #end({ id, name, outcome }: { id: string; name: string; outcome: Status }): void {
    this.#steps[id] = { outputs: this.#steps[id]?.outputs ?? {}, outcome, conclusion: outcome };
    this.#ended.push({ name, outcome });
    if (outcome === 'failure') this.#status = 'failure';
  }

  async #uses({ uses = '', with: given = {}, env = {} }: RawStep, id: string): Promise<Status> {
    const { ownAction } = this.#run;
    if (uses === ownAction?.uses) return this.#own({ uses, given: this.#texts(given), env: this.#texts(env), id });
    const [name = '', commit = ''] = uses.split('@');
    if (!/^[0-9a-f]{40}$/.test(commit)) throw new Error(`${uses} is not pinned`);
    try {
      const { world } = this.#run;
      const permissions = this.#run.job.permissions ?? {};
      const call = { name, with: this.#texts(given), machine: this.#machine, world, permissions };
      const { outputs, env: set = {}, masks = [] } = await runAction(call);
      Object.assign(this.#env, set);
      for (const text of masks) this.#masks.add(text);
      this.#steps[id] = { outputs: { ...outputs }, outcome: 'success', conclusion: 'success' };
      return 'success';
    } catch (error) {
      this.#lines.push({ step: uses, text: `##[error]${String(error)}`, own: false });
      return 'failure';
    }
  }

  async #own(step: {
    readonly uses: string;
    readonly given: Readonly<Record<string, string>>;
    readonly env: Readonly<Record<string, string>>;
    readonly id: string;
  }): Promise<Status> {
    const { uses, given, env, id } = step;
    const { ownAction, contexts } = this.#run;
    if (ownAction === null) throw new Error('no action');
    const workspace = this.#machine.host(this.#machine.workspace);
    const end = await runOwnAction({ action: ownAction, workspace, given, env: { ...this.#env, ...env }, contexts });
    for (const text of end.log.split('\n')) this.#line({ step: uses, text, own: false });
    this.#summary += end.summary;
    const outcome = end.code === 0 ? 'success' : 'failure';
    this.#steps[id] = { outputs: { ...end.outputs }, outcome, conclusion: outcome };
    return outcome;
  }

  #files(index: number): Readonly<Record<string, string>> {
    const names = ['GITHUB_ENV', 'GITHUB_OUTPUT', 'GITHUB_PATH', 'GITHUB_STEP_SUMMARY', 'GITHUB_STATE'];
    const files = names.map((name) => [name, `${this.#machine.temp}/_runner_file_commands/${name}_${index}`] as const);
    for (const [, file] of files) this.#machine.write(file, '');
    return Object.fromEntries(files);
  }

  #readFiles(id: string, files: Readonly<Record<string, string>>): void {
    const read = (name: string): string => {
      const file = this.#machine.host(files[name] ?? '');
      return existsSync(file) ? readFileSync(file, 'utf8') : '';
    };
    const set = readFileCommands(read('GITHUB_ENV'));
    refuseBlocked(Object.keys(set));
    Object.assign(this.#env, set);
    const outputs = { ...this.#steps[id]?.outputs, ...readFileCommands(read('GITHUB_OUTPUT')) };
    this.#steps[id] = { outputs, outcome: 'success', conclusion: 'success' };
    this.#summary += read('GITHUB_STEP_SUMMARY');
  }

  #start(one: { step: RawStep; name: string; index: number; files: Readonly<Record<string, string>> }): MachineProcess {
    const { step, index, files } = one;
    const { job, contexts } = this.#run;
    const machine = this.#machine;
    const github = contexts['github'] as Record<string, unknown>;
    const given = this.#texts(step.env ?? {});
    const script = `${machine.temp}/step-${index}.sh`;
    machine.write(script, `${textOf(interpolate(step.run ?? '', this.#contexts(), this.#status))}\n`);
    const shell = step.shell ?? job.defaults?.run.shell ?? 'bash -e {0}';
    const argv =
      shell === 'bash'
        ? ['bash', '--noprofile', '--norc', '-eo', 'pipefail', script]
        : shell.split(' ').map((word) => (word === '{0}' ? script : word));
    const own = shell !== 'bash' || /^layer-sh background-stop /.test(step.run ?? '');
    let rest = '';
    const output = (text: string): void => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#line({ step: one.name, text: line, own });
    };
    const process = machine.spawn({
      argv,
      cwd: machine.workspace,
      env: {
        ...runnerEnvironment(github, machine),
        ...this.#env,
        ...given,
        ...files,
        PATH: path,
      },
      output,
    });
    const exit = process.exit.then((code) => {
      if (rest !== '') this.#line({ step: one.name, text: rest, own });
      rest = '';
      return code;
    });
    return { ...process, exit };
  }

  #line(line: OutputLine): void {
    const mask = /^::add-mask::(.*)$/.exec(line.text);
    if (mask !== null) {
      if (mask[1] !== '') this.#masks.add(mask[1] ?? '');
      return;
    }
    let text = line.text;
    for (const secret of this.#masks)
      for (const part of secret.split('\n')) if (part !== '') text = text.replaceAll(part, '***');
    this.#lines.push({ ...line, text });
  }

  /** As the runner does it: an interrupt, and harder ones where that does not help. */
  async #cancel(id: string, name: string): Promise<void> {
    const one = this.#background.get(id);
    if (one === undefined) return this.#end({ id: `cancel ${id}`, name, outcome: 'success' });
    if (one.code === null) one.process.signal('INT');
    const late = Symbol('late');
    const ended = await Promise.race([
      one.process.exit,
      new Promise((resolve) => setTimeout(() => resolve(late), 7500)),
    ]);
    if (ended === late) throw new Error(`the background step ${id} does not end when it is interrupted`);
    one.finish();
    this.#end({ id, name: one.step, outcome: 'success' });
  }
}

function runnerEnvironment(github: Readonly<Record<string, unknown>>, machine: JobMachine): Record<string, string> {
  const names = [
    'workflow',
    'run_id',
    'run_attempt',
    'repository',
    'repository_owner',
    'event_name',
    'sha',
    'ref',
    'ref_name',
    'head_ref',
    'actor',
    'server_url',
  ];
  return {
    HOME: machine.workspace.startsWith('/home/') ? '/home/runner' : '/github/home',
    USER: 'runner',
    GITHUB_ACTIONS: 'true',
    ...Object.fromEntries(names.map((name) => [`GITHUB_${name.toUpperCase()}`, textOf(github[name])])),
    GITHUB_WORKSPACE: machine.workspace,
    RUNNER_TEMP: machine.temp,
    RUNNER_OS: 'Linux',
    JAVA_HOME_17_X64: '/usr/lib/jvm/temurin-17-jdk-amd64',
  };
}
