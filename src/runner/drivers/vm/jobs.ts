import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineLost, MachineRefused } from '../../driver.ts';
import { attempt, atWorkingDirectory as here, CallFailed, messageOf } from './calls.ts';
import type { Children, Workers } from './children.ts';
import { jobGroups, killGroup } from './guest-processes.ts';
import type { Launch } from './launching.ts';
import { memoryEvents, memoryKillsIn, spaceOf, startJob } from './launching.ts';
import type { Desk } from './desk.ts';
import { Session } from './session.ts';
import { GuestTerminal } from './guest-terminal.ts';

/** How a command ended: wait(2)'s status, and how many of the machine's processes the kernel killed meanwhile for want of memory. */
export interface Ended {
  readonly code: number;
  readonly signal: number;
  readonly memoryKills: number;
}

/** A command in the guest. It has a name by which a later host end finds it again (`attach`). */
export interface Job {
  readonly id: number;
  /** Resolves when its bash is in its control group. Rejects with `MachineRefused` where it could not be started. */
  readonly started: Promise<void>;
  /** Resolves when its bash has ended and all that was written before has been heard. Rejects with `MachineLost`. */
  readonly ended: Promise<Ended>;
}

/** A command on a terminal. */
export interface TerminalJob extends Job {
  type(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
}

/** What is known of a job whose end nobody has been told yet. Plain JSON. */
export interface JobState {
  readonly id: number;
  /** How many processes the kernel had killed for want of memory when it began. */
  readonly killsBefore: number;
  /** wait(2)'s, once bash has ended. */
  readonly status: number | null;
  /** What it printed while nobody listened, in base64. */
  readonly unheard: string;
}

const killed = 9;
const cannotRun = 126;
const machineEndsMs = 1000;

/** The commands of one machine. */
export class Jobs {
  readonly #children: Children;
  readonly #workers: Workers;
  readonly #desk: Desk;
  readonly #gone: Promise<string>;
  readonly #init: number;
  readonly #running = new Map<number, RunningJob>();

  constructor(parts: {
    readonly children: Children;
    readonly workers: Workers;
    readonly desk: Desk;
    readonly gone: Promise<string>;
    readonly init: number;
    readonly state: readonly JobState[];
  }) {
    this.#children = parts.children;
    this.#workers = parts.workers;
    this.#desk = parts.desk;
    this.#gone = parts.gone;
    this.#init = parts.init;
    for (const state of parts.state) {
      const job = new RunningJob(state);
      this.#running.set(state.id, job);
      this.#children.listen(state.id, {
        refused: () => {},
        output: (bytes) => job.heard(bytes),
        ended: (status) => job.exit(status),
      });
    }
  }

  /** What a later host end must know of them. */
  get state(): readonly JobState[] {
    return [...this.#running.values()].map((job) => job.state);
  }

  exec(launch: Launch, options: { readonly stays: boolean; readonly output: (chunk: Uint8Array) => void }): Job {
    return this.#begin(launch, { ...options, terminal: null });
  }

  terminal(
    launch: Launch,
    options: { readonly columns: number; readonly rows: number; readonly output: (chunk: Uint8Array) => void },
  ): TerminalJob {
    const terminal = new GuestTerminal(this.#workers, { ...options, init: this.#init });
    const job = this.#begin(launch, { stays: false, output: options.output, terminal });
    return {
      ...job,
      type: (bytes) => terminal.type(bytes),
      resize: (columns, rows) => terminal.resize(columns, rows),
    };
  }

  attach(id: number, output: (chunk: Uint8Array) => void): Job {
    const job = this.#running.get(id);
    if (job === undefined) return refusedJob(id, new MachineRefused('there is no such job'));
    job.listen(output);
    return this.#watched(job, { started: Promise.resolve(), terminal: null });
  }

  #begin(
    launch: Launch,
    options: {
      readonly stays: boolean;
      readonly output: (chunk: Uint8Array) => void;
      readonly terminal: GuestTerminal | null;
    },
  ): Job {
    let session: Session | null = null;
    const refused = Promise.withResolvers<never>();
    const id = this.#children.start(
      {
        refused: (errno) => refused.reject(new MachineRefused(`a command cannot be started: ${messageOf(errno)}`)),
        output: (bytes) => (session === null ? job.heard(bytes) : session.heard(bytes)),
        ended: (status) => {
          session?.ended(new MachineRefused('it died before it became a command'));
          job.exit(status);
        },
      },
      { kind: options.stays ? 'stays' : 'plain', space: spaceOf(this.#init) },
    );
    const job = new RunningJob({ id, killsBefore: 0, status: null, unheard: '' });
    this.#running.set(id, job);
    job.listen(options.output);
    const preparing = new Session({
      send: (bytes) => this.#children.write(id, bytes),
      end: () => this.#children.kill(id),
    });
    session = preparing;
    void this.#gone.then((why) => preparing.ended(new MachineLost(why)));
    const start = async (): Promise<void> => {
      try {
        const tty = options.terminal === null ? null : await options.terminal.open();
        const heard = (bytes: Buffer): void => {
          session = null;
          if (bytes.length > 0) job.heard(bytes);
        };
        job.killsBefore = await startJob(preparing, { id, launch, init: this.#init, tty, heard });
      } catch (error) {
        // A directory that cannot be entered is the command's failure, anything else the machine's.
        const own = error instanceof CallFailed && error.failed === 'chdir';
        if (own) job.heard(Buffer.from(`layer: cannot enter ${error.message}\n`));
        if (own) job.exit(cannotRun << 8);
        preparing[Symbol.dispose]();
        options.terminal?.[Symbol.dispose]();
        await this.#clear(id).catch(() => {});
        if (own) return;
        throw error;
      }
      options.terminal?.read();
    };
    const begun = this.#watched(job, {
      started: Promise.race([start(), refused.promise]),
      terminal: options.terminal,
    });
    // What others write after the end of a command that stays is heard, too.
    const forget = (): void => (options.stays ? undefined : this.#children.forget(id));
    begun.ended.then(forget, forget);
    return begun;
  }

  /** A job as others see it. */
  #watched(job: RunningJob, parts: { readonly started: Promise<void>; readonly terminal: GuestTerminal | null }): Job {
    const ended = this.#ended(job, parts).finally(() => this.#running.delete(job.id));
    // Whoever wants to know awaits them; a machine that is lost is no failure of who does not.
    parts.started.catch(() => {});
    ended.catch(() => {});
    return { id: job.id, started: parts.started, ended };
  }

  async #ended(
    job: RunningJob,
    { started, terminal }: { readonly started: Promise<void>; readonly terminal: GuestTerminal | null },
  ): Promise<Ended> {
    const lost = this.#gone.then((why) => Promise.reject(new MachineLost(why)));
    lost.catch(() => {});
    await started;
    const status = await Promise.race([job.exited, lost]);
    const signal = status & 0x7f;
    // When the machine's init ends, the kernel kills all others first: that is the end of the machine, not of this command.
    if (signal === killed && !(await this.#letsIn())) return await lost;
    await terminal?.ended();
    const results = await this.#desk.session.run([
      ...memoryEvents,
      attempt('unlinkat', here, `${jobGroups}/${job.id}`, removeDirectory),
    ]);
    const code = signal > 0 ? 0 : (status >> 8) & 0xff;
    return { code, signal, memoryKills: memoryKillsIn(results) - job.killsBefore };
  }

  async #clear(id: number): Promise<void> {
    await killGroup(this.#desk.session, `${jobGroups}/${id}`);
  }

  /** Whether the machine takes new processes; tried for a while. */
  async #letsIn(): Promise<boolean> {
    for (const until = Date.now() + machineEndsMs; Date.now() < until; await sleep(20)) {
      const { session, pid } = this.#workers.start({ space: spaceOf(this.#init) });
      using _ = session;
      const up = await pid.then(
        () => true,
        (error: unknown) => (error instanceof MachineLost ? Promise.reject(error) : false),
      );
      if (up) return true;
    }
    return false;
  }
}

const removeDirectory = 0x200;

class RunningJob {
  readonly id: number;
  killsBefore: number;
  readonly #exited = Promise.withResolvers<number>();
  #status: number | null = null;
  #output: ((chunk: Uint8Array) => void) | null = null;
  #unheard: readonly Buffer[];

  constructor(state: JobState) {
    this.id = state.id;
    this.killsBefore = state.killsBefore;
    this.#unheard = state.unheard === '' ? [] : [Buffer.from(state.unheard, 'base64')];
    if (state.status !== null) this.exit(state.status);
  }

  get state(): JobState {
    const { id, killsBefore } = this;
    return { id, killsBefore, status: this.#status, unheard: Buffer.concat(this.#unheard).toString('base64') };
  }

  /** Its status, once it has one. */
  get exited(): Promise<number> {
    return this.#exited.promise;
  }

  /** The first one counts. */
  exit(status: number): void {
    this.#status ??= status;
    this.#exited.resolve(status);
  }

  listen(output: (chunk: Uint8Array) => void): void {
    this.#output = output;
    for (const chunk of this.#unheard) output(chunk);
    this.#unheard = [];
  }

  heard(bytes: Buffer): void {
    if (this.#output === null) this.#unheard = [...this.#unheard, bytes];
    else this.#output(bytes);
  }
}

function refusedJob(id: number, why: Error): Job {
  const never = Promise.reject(why);
  never.catch(() => {});
  return { id, started: never, ended: never };
}
