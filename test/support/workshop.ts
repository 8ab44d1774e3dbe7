import { spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { testBases } from './base-machine.ts';
import { layerProgram } from './layer-program.ts';

/** What lies at a path: a file's text or bytes, also executable, a link, a directory, or nothing. */
export type Content =
  | string
  | Uint8Array
  | { readonly executable: string | Uint8Array }
  | { readonly link: string }
  | { readonly directory: true }
  | null;

/** Contents by path; names that are no UTF-8 are given in latin1 with `bytes:` before them. */
export type Contents = Readonly<Record<string, Content>>;

/** A step that a run did, and why. */
export interface Ran {
  /** Its place among the steps of its chain. */
  readonly index: number;
  readonly title: string;
  readonly reason: string;
  readonly because: 'cause' | 'follows';
  readonly output: string;
  /** Null while it runs, and where it failed. */
  readonly reads: number | null;
  readonly failure: string | null;
  /** Where it failed, by which its machine can be entered. */
  readonly kept: string | null;
  readonly notKept: string | null;
}

/** What a run did for one Layerfile, or one copy of it. */
export interface Runner {
  readonly skipped: readonly string[];
  readonly ran: readonly Ran[];
  /** `succeeded`, `failed`, `cancelled`, `broken`, `waiting`. */
  readonly outcome: string;
  /** Why it did not succeed; null where it did, or waits. */
  readonly why: string | null;
}

/** What `layer run` said and ended with. */
export interface Report {
  /** Null where it was killed. */
  readonly status: number | null;
  readonly outcome: string | null;
  readonly runners: ReadonlyMap<string, Runner>;
  /** What it noted, in order. */
  readonly notes: readonly string[];
  readonly stderr: string;
}

/** A repository and a store in a temporary directory of their own. */
export interface Workshop extends Disposable {
  readonly directory: string;
  readonly repository: string;
  readonly store: string;
  /** The path of `layer`. */
  readonly program: string;
  /** Writes, replaces and (null) removes; times are those of the moment. */
  put(contents: Contents): void;
  run(options?: RunOptions): Promise<Report>;
  /** Any other command of `layer`, in the repository. */
  layer(args: readonly string[], options?: Pick<RunOptions, 'env' | 'store'>): Promise<Ended>;
  /** The process itself, for those who kill it; its report comes when it has ended. */
  start(options?: RunOptions): { readonly process: ChildProcess; readonly report: Promise<Report> };
}

/** How a command ended, and what it printed. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly store?: string;
  /** Layerfiles that run at the same time; two by default. */
  readonly jobs?: number;
}

/** What machines run on. On virtual machines a state is kept after each step, as the sandbox keeps one: so steps can be told apart. */
export type WorkshopDriver = 'sandbox' | 'vm';

const driverEnv: Readonly<Record<WorkshopDriver, Readonly<Record<string, string>>>> = {
  sandbox: { LAYER_DRIVER: 'sandbox' },
  vm: { LAYER_DRIVER: 'vm', LAYER_SNAPSHOT_AFTER: '0' },
};

/** The driver that LAYER_DRIVER names, for suites that can be played on each; the sandbox by default. */
export function driverAsked(): WorkshopDriver {
  const named = process.env['LAYER_DRIVER'] ?? 'sandbox';
  if (named !== 'sandbox' && named !== 'vm') throw new Error(`LAYER_DRIVER is ${named}: there is sandbox, and vm`);
  return named;
}

/** `where`: a directory to make it in; the temporary one by default. */
export function openWorkshop(where: string = tmpdir(), driver: WorkshopDriver = 'sandbox'): Workshop {
  const directory = realpathSync(mkdtempSync(join(where, 'layer-proof-')));
  const repository = join(directory, 'repo');
  const store = join(directory, 'store');
  const program = layerProgram(join(directory, 'program'));
  mkdirSync(repository);
  const spawned = (args: readonly string[], options: Pick<RunOptions, 'env' | 'store'>): ChildProcess => {
    const { env = {} } = options;
    return spawn(process.execPath, [program, ...args], {
      cwd: repository,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: directory,
        LAYER_STORE: options.store ?? store,
        LAYER_BASES: testBases,
        ...driverEnv[driver],
        LAYER_DEBUG: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        ...env,
      },
    });
  };
  const start = (options: RunOptions = {}): ReturnType<Workshop['start']> => {
    const { args = [], jobs = 2 } = options;
    const child = spawned(['run', '--json', '--keep-going', `--jobs=${jobs}`, ...args], options);
    return { process: child, report: reportOf(child) };
  };
  return {
    directory,
    repository,
    store,
    program,
    put: (contents) => putAll(repository, contents),
    run: (options) => start(options).report,
    layer: (args, options = {}) => endOf(spawned(args, options)),
    start,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function putAll(root: string, contents: Contents): void {
  for (const [path, content] of Object.entries(contents)) {
    const place = path.startsWith('bytes:')
      ? Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path.slice('bytes:'.length), 'latin1')])
      : join(root, path);
    rmSync(place, { recursive: true, force: true });
    if (content === null) continue;
    mkdirSync(typeof place === 'string' ? dirname(place) : root, { recursive: true });
    if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(place, content, { mode: 0o644 });
    else if ('link' in content) symlinkSync(content.link, place);
    else if ('directory' in content) mkdirSync(place);
    else {
      writeFileSync(place, content.executable);
      chmodSync(place, 0o755);
    }
  }
}

/** Sets times back, as tools that unpack archives do. */
export function setTimes(path: string, seconds: number): void {
  lutimesSync(path, seconds, seconds);
}

interface StepShape {
  readonly runner: string;
  readonly index: number;
  readonly title: string;
}

type Line = { readonly kind: string } & Readonly<Record<string, unknown>>;

async function reportOf(child: ChildProcess): Promise<Report> {
  const { status, stdout, stderr } = await endOf(child);
  return { status, stderr, ...readReport(stdout) };
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { status, stdout, stderr };
}

/** What the lines of `layer run --json` say; a last line that was cut off is left out. */
export function readReport(text: string): Pick<Report, 'outcome' | 'runners' | 'notes'> {
  const lines = text.split('\n').flatMap((line): Line[] => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return [];
    }
  });
  return readLines(lines);
}

type Open<T> = { -readonly [K in keyof T]: T[K] };

function readLines(lines: readonly Line[]): Pick<Report, 'outcome' | 'runners' | 'notes'> {
  const notes: string[] = [];
  const runners = new Map<string, Open<Runner> & { skipped: string[]; ran: Open<Ran>[] }>();
  const steps = new Map<string, Open<Ran>>();
  let outcome: string | null = null;
  const of = (id: string) => {
    const known = runners.get(id) ?? { skipped: [], ran: [], outcome: 'unfinished', why: null };
    runners.set(id, known);
    return known;
  };
  for (const line of lines) {
    const step = line['step'] as StepShape | undefined;
    const key = step === undefined ? '' : `${step.runner} ${step.index}`;
    const one = steps.get(key);
    switch (line.kind) {
      case 'stepSkipped':
        if (step) of(step.runner).skipped.push(step.title);
        break;
      case 'stepStarted': {
        if (!step) break;
        const fresh: Open<Ran> = {
          index: step.index,
          title: step.title,
          reason: line['reason'] as string,
          because: line['because'] as Ran['because'],
          output: '',
          reads: null,
          failure: null,
          kept: null,
          notKept: null,
        };
        steps.set(key, fresh);
        of(step.runner).ran.push(fresh);
        break;
      }
      case 'stepOutput':
        if (one) one.output += line['text'] as string;
        break;
      case 'stepEnded':
        if (one) one.reads = line['reads'] as number;
        break;
      case 'stepFailed':
        if (one) Object.assign(one, { failure: line['why'], kept: line['kept'] });
        break;
      case 'stepNotKept':
        if (one) one.notKept = line['why'] as string;
        break;
      case 'runnerEnded': {
        const { kind, why = null } = line['outcome'] as { kind: string; why?: string };
        Object.assign(of((line['runner'] as { id: string }).id), { outcome: kind, why });
        break;
      }
      case 'note':
        notes.push(line['message'] as string);
        break;
      case 'runEnded':
        outcome = line['outcome'] as string;
        break;
    }
  }
  return { outcome, runners, notes };
}
