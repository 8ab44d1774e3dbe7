import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestPath } from '../../../host.ts';
import type { BackgroundProcess, Command, EndedStep, Exit, Kept, Machine, TerminalLine } from '../../driver.ts';
import { MachineLost } from '../../driver.ts';
import { laterSeconds } from '../../directory-time.ts';
import type { DeviceViewServer } from '../../fuse/view-server.ts';
import { decodeName, encodeName } from '../../view/names.ts';
import type { ViewSpec } from '../../view/view.ts';
import type { Agent } from './agent.ts';
import { AgentError } from './agent.ts';
import type { Group, MachineCgroups } from './cgroup.ts';
import { connectTo } from './connection.ts';
import type { AccountFiles } from '../accounts.ts';
import { accountOf, ensureUser } from '../accounts.ts';
import { exitOf } from '../exit.ts';
import { listeningPorts, processName, sessionProcesses } from './process-table.ts';
import type { Root } from './root.ts';

/** What a process that is about to end is given before it counts as left running: `> >(tee log)` outlives its bash by a moment. */
const graceMs = 200;

/** How a command is started. */
interface Launch {
  /** What its control group is called. */
  readonly name: string;
  readonly stays: boolean;
  readonly output: (chunk: Uint8Array) => void;
  /** The terminal that it runs on; null where it runs on none. */
  readonly line: TerminalLine | null;
}

/** A machine of namespaces on an overlay. */
export class SandboxMachine implements Machine {
  readonly hibernate = null;
  readonly setApart = null;
  readonly #agent: Agent;
  readonly #root: Root;
  readonly #cgroups: MachineCgroups;
  readonly #views: Promise<DeviceViewServer>;
  #server: DeviceViewServer | null = null;
  readonly #directory: string;
  readonly #directorySeconds: number | null;
  readonly #dispose: () => Promise<void>;
  readonly #backgrounds: { readonly group: Group; readonly session: string }[] = [];
  #leftovers: { readonly group: Group }[] = [];
  #count = 0;

  constructor(parts: {
    readonly agent: Agent;
    readonly root: Root;
    readonly cgroups: MachineCgroups;
    /** It is waited for where it is needed first. */
    readonly views: Promise<DeviceViewServer>;
    readonly directory: string;
    /** See `MachineSpec`. */
    readonly directorySeconds: number | null;
    readonly dispose: () => Promise<void>;
  }) {
    this.#agent = parts.agent;
    this.#root = parts.root;
    this.#cgroups = parts.cgroups;
    this.#views = parts.views;
    void this.#views.then(
      (server) => {
        this.#server = server;
      },
      () => {},
    );
    this.#directory = parts.directory;
    this.#directorySeconds = parts.directorySeconds;
    this.#dispose = parts.dispose;
  }

  async exec(command: Command, output: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<Exit> {
    return this.#toItsEnd(command, { name: 'step', stays: false, output, line: null }, signal);
  }

  async terminal(command: Command, line: TerminalLine, signal: AbortSignal): Promise<Exit> {
    return this.#toItsEnd(command, { name: 'terminal', stays: false, output: line.output, line }, signal);
  }

  async #toItsEnd(command: Command, launch: Launch, signal: AbortSignal): Promise<Exit> {
    if (signal.aborted) return { kind: 'cancelled' };
    const job = await this.#launch(command, launch);
    const kill = (): void => this.#kill(job.group);
    signal.addEventListener('abort', kill, { once: true });
    const exit = await job.exit;
    signal.removeEventListener('abort', kill);
    if (signal.aborted) {
      this.#kill(job.group);
      await until(() => job.group.remove(), 5000);
      return { kind: 'cancelled' };
    }
    if (!job.group.remove()) this.#leftovers.push({ group: job.group });
    return exit;
  }

  async start(command: Command, output: (chunk: Uint8Array) => void): Promise<BackgroundProcess> {
    const job = await this.#launch(command, { name: 'background', stays: true, output, line: null });
    this.#backgrounds.push({ group: job.group, session: job.session });
    return {
      exit: job.exit,
      ports: async () =>
        listeningPorts(
          this.#agent.hostPid,
          this.#cgroups.canFreeze ? job.group.processes() : sessionProcesses(this.#agent.hostPid, job.session),
        ),
    };
  }

  resumed(): readonly BackgroundProcess[] {
    return [];
  }

  async resolve(path: GuestPath): ReturnType<Machine['resolve']> {
    const [found, kind, ...attributes] = await this.#agent.ask('resolve', encodeName(path));
    const numbers = attributes.map(Number);
    const ancestors = Array.from({ length: numbers.length / 3 }, (_, at) => ({
      mode: numbers[3 * at] ?? 0,
      uid: numbers[3 * at + 1] ?? 0,
      gid: numbers[3 * at + 2] ?? 0,
    }));
    return { path: decodeName(found ?? encodeName(path)) as GuestPath, kind: kindNamed(kind?.toString()), ancestors };
  }

  user(name: string): ReturnType<Machine['user']> {
    return ensureUser(this.#accounts, name);
  }

  async makeDirectory(path: GuestPath): Promise<void> {
    await this.#agent.ask('mkdir', encodeName(path), 0o775, 0, 0);
  }

  async addTree(name: string, manifest: string): Promise<void> {
    await this.#ofViews((server) => server.addTree(name, manifest));
  }

  async addView(view: ViewSpec): Promise<void> {
    await this.#ofViews((server) => server.addView(view));
    await this.#settleDown();
    if ((await this.#living()).length > 0) {
      await this.#agent.ask('copy-in', join(this.#directory, 'views', String(view.ordinal)));
      return;
    }
    await this.#root.push([{ kind: 'view', view }]);
    await this.#root.mount();
  }

  async addLayer(directory: string, at: GuestPath): Promise<void> {
    const { ancestors } = await this.resolve(at);
    await this.#settleDown();
    const living = await this.#living();
    let copied: string | null = null;
    if (living.length > 0) {
      copied = await this.#root.place({ kind: 'layer', directory, at }, ancestors);
      await this.#agent.ask('copy-in', copied);
    } else {
      await this.#root.push([{ kind: 'layer', directory, at }], ancestors);
      await this.#root.mount();
    }
    const shown = this.#directorySeconds;
    const seconds = shown === null ? null : laterSeconds(shown, Date.now());
    await this.#ofViews((server) =>
      this.#root.renewDirectories({ seconds, inViews: (paths) => server.directories(paths), copied }),
    );
  }

  async copyOut(path: GuestPath, directory: string): ReturnType<Machine['copyOut']> {
    // What is copied while somebody writes into it was never there at one moment.
    const alive = this.#cgroups.canFreeze && this.#alive().length > 0;
    if (alive) await this.#cgroups.freeze();
    try {
      const [kind] = await this.#agent.ask('copy-out', encodeName(path), directory);
      const copied = kindNamed(kind?.toString());
      return copied === 'other' ? null : copied;
    } finally {
      if (alive) await this.#cgroups.thaw();
    }
  }

  async endStep({ keep }: { readonly keep: boolean }): Promise<EndedStep> {
    if (keep) await this.#settleDown();
    const alive = this.#alive().length > 0;
    if (alive && this.#cgroups.canFreeze) await this.#cgroups.freeze();
    try {
      const { observations, fault, doubt } = await this.#ofViews((server) => server.cut());
      const state: Kept = keep ? await this.#keep() : { kept: false, why: 'it was not asked for' };
      return { observations, fault, doubt, state };
    } finally {
      if (alive) await this.#cgroups.thaw();
    }
  }

  async connect(port: number): Promise<Duplex> {
    if (this.#agent.lost !== null) throw new MachineLost(this.#agent.lost);
    return connectTo(this.#agent.hostPid, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }

  async #launch(
    command: Command,
    options: Launch,
  ): Promise<{ readonly group: Group; readonly session: string; readonly exit: Promise<Exit> }> {
    const { line } = options;
    const group = this.#cgroups.group(`${options.name}-${this.#count++}`);
    const done = Promise.withResolvers<Exit>();
    const lost = (why: string): void => done.resolve({ kind: 'lost', why });
    const started = Promise.withResolvers<string>();
    void done.promise.then(() => started.resolve(''));
    let session = '';
    try {
      const account = await accountOf(this.#accounts, command.user);
      if (account === null) {
        options.output(Buffer.from(`layer: there is no user ${command.user} in this machine\n`));
        done.resolve({ kind: 'exited', code: 126 });
        return { group, session, exit: done.promise };
      }
      const kills = this.#cgroups.memoryKills();
      const environment = Object.entries(command.env).map(([name, value]) => `${name}=${value}`);
      const request = [
        ...(line === null ? ['exec', options.stays ? '1' : ''] : ['terminal', line.columns, line.rows]),
        ...[account.uid, account.gid, account.groups.join(',')],
        ...[encodeName(command.cwd), group.join.join('\0'), command.script, environment.join('\0')],
      ];
      const stream = this.#agent.stream(request, ({ kind, fields }) => {
        const [first, second] = fields;
        if (kind === 'started') started.resolve(first?.toString() ?? '');
        if (kind === 'output' && first !== undefined) options.output(first);
        if (kind === 'error') lost(first?.toString() ?? 'it could not be started');
        if (kind !== 'exit') return;
        const code = Number(first?.toString());
        const signal = Number(second?.toString());
        if (!options.stays) stream.close();
        const failure = this.#server?.failure ?? null;
        if (failure !== null) lost(failure);
        else done.resolve(exitOf({ code, signal, starved: this.#cgroups.memoryKills() > kills }));
      });
      void this.#agent.gone.then(lost);
      session = await started.promise;
      line?.attached({
        type: (bytes) => void this.#agent.ask('type', stream.id, bytes).catch(() => {}),
        resize: (columns, rows) => void this.#agent.ask('size', stream.id, columns, rows).catch(() => {}),
      });
    } catch (error) {
      if (!(error instanceof MachineLost)) throw error;
      lost(error.message);
    }
    return { group, session, exit: done.promise };
  }

  /** Kills what a command started: where nothing holds it together, everything but what RUN BACKGROUND started. */
  #kill(group: Group): void {
    if (this.#cgroups.canFreeze) group.kill();
    else void this.#agent.ask('kill', ...this.#backgrounds.map(({ session }) => session)).catch(() => {});
  }

  /** Asks the view server; when it is gone, so is the machine. */
  async #ofViews<T>(ask: (server: DeviceViewServer) => Promise<T>): Promise<T> {
    let server: DeviceViewServer | null = null;
    try {
      server = await Promise.race([this.#views, this.#agent.gone.then((why) => Promise.reject(new MachineLost(why)))]);
      return await ask(server);
    } catch (error) {
      if (server === null || server.failure !== null) throw new MachineLost(messageOf(error), { cause: error });
      throw error;
    }
  }

  get #accounts(): AccountFiles {
    return {
      read: (path) => this.#read(path),
      write: async (path, text, mode) => void (await this.#agent.ask('write', path, text, mode, 0, 0)),
      makeHome: async ({ home, uid, gid }) => void (await this.#agent.ask('mkdir', home, 0o755, uid, gid)),
    };
  }

  async #read(path: string): Promise<string | null> {
    try {
      const [bytes] = await this.#agent.ask('read', path);
      return bytes?.toString() ?? '';
    } catch (error) {
      if (error instanceof AgentError) return null;
      throw error;
    }
  }

  /** Keeps the state of a machine that stands still or holds no process. */
  async #keep(): Promise<Kept> {
    const living = await this.#living();
    const strays = this.#strays();
    if (strays.length > 0)
      return {
        kept: false,
        why: `${strays.join(', ')} ${strays.length === 1 ? 'is' : 'are'} still running; use RUN BACKGROUND`,
      };
    if (living.length > 0 && !this.#cgroups.canFreeze) {
      return { kept: false, why: `${living.join(', ')} still runs, and this host has no control group to stop it in` };
    }
    const [changed, ipc, queues] = await this.#agent.ask('state');
    const what = changed?.toString() ?? '';
    if (what !== '') return { kept: false, why: what };
    if (Number(ipc?.toString()) > 0)
      return { kept: false, why: 'it holds System V shared memory, semaphores or message queues' };
    if (Number(queues?.toString()) > 0) return { kept: false, why: 'it holds POSIX message queues' };
    if (living.length > 0) {
      const copy = await this.#root.copy();
      const below = this.#root.stack;
      const stack = copy === null ? below : [...below, { kind: 'layer', directory: copy, at: null } as const];
      return { kept: true, stack, layers: this.#root.takeFresh() };
    }
    if (this.#root.settle()) await this.#root.mount();
    return { kept: true, stack: this.#root.stack, layers: this.#root.takeFresh() };
  }

  /** Gives processes that are ending the moment they need. */
  async #settleDown(): Promise<void> {
    if (this.#cgroups.canFreeze) await until(() => this.#strays().length === 0, graceMs);
    else await until(async () => (await this.#living()).length === 0, graceMs);
  }

  /** Names of the processes in the machine. */
  async #living(): Promise<readonly string[]> {
    if (this.#cgroups.canFreeze) return this.#alive().map(processName);
    const [, , , ...processes] = await this.#agent.ask('state');
    return processes.map((name) => name.toString());
  }

  #alive(): readonly number[] {
    return [...this.#backgrounds, ...this.#leftovers].flatMap(({ group }) => group.processes());
  }

  /** Names of the processes that no RUN BACKGROUND accounts for. */
  #strays(): readonly string[] {
    this.#leftovers = this.#leftovers.filter(({ group }) => !group.remove());
    const pids = this.#leftovers.flatMap(({ group }) => group.processes());
    return [...new Set(pids.map(processName))];
  }
}

function kindNamed(kind: string | undefined): 'file' | 'directory' | 'other' | null {
  if (kind === 'file' || kind === 'directory') return kind;
  return kind === undefined || kind === '' ? null : 'other';
}

async function until(holds: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await holds()) && Date.now() < deadline) await sleep(5);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
