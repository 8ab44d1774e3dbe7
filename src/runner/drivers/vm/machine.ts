import { join } from 'node:path';
import { dirname } from 'node:path/posix';
import type { Duplex } from 'node:stream';
import type { GuestPath } from '../../../host.ts';
import type {
  BackgroundProcess,
  Command,
  EndedStep,
  Exit,
  Kept,
  Machine,
  StackEntry,
  TerminalLine,
} from '../../driver.ts';
import { MachineLost, MachineRefused } from '../../driver.ts';
import { laterSeconds } from '../../directory-time.ts';
import type { StreamViewServer } from '../../fuse/view-server.ts';
import { decodeName, encodeName } from '../../view/names.ts';
import type { Observation, ViewSpec } from '../../view/view.ts';
import type { AccountFiles } from '../accounts.ts';
import { accountOf, ensureUser } from '../accounts.ts';
import { exitOf } from '../exit.ts';
import { archiveOf, unpackInto } from './archive.ts';
import type { GuestAgent, Job, Launch } from './agent.ts';
import type { FusePort } from './fuse-port.ts';
import type { SavedJob } from './saved-guest.ts';
import { savedFiles } from './saved-guest.ts';
import type { VirtualMachine } from './virtual-machine.ts';

/** A RUN BACKGROUND of this machine, or of the one whose memory it was restored with. */
interface Background {
  readonly job: number;
  readonly exit: Promise<Exit>;
  /** How it ended; null while it runs. */
  ended: Exit | null;
}

export interface VmMachineParts {
  readonly vm: VirtualMachine;
  readonly agent: GuestAgent;
  readonly fuse: FusePort;
  readonly views: StreamViewServer;
  /** Where kept states go; the machine's own. */
  readonly directory: string;
  /** What it was booted on. */
  readonly stack: readonly StackEntry[];
  /** What directories of the repository show for a time; null where that is no matter. */
  readonly directorySeconds: number | null;
  /** The background processes that its memory was saved with. */
  readonly saved: readonly SavedJob[];
  readonly dispose: () => Promise<void>;
}

/** A machine of QEMU's, seen through its agent and the server of its views. */
export class VmMachine implements Machine {
  readonly #vm: VirtualMachine;
  readonly #agent: GuestAgent;
  readonly #fuse: FusePort;
  readonly #views: StreamViewServer;
  readonly #directory: string;
  readonly #directorySeconds: number | null;
  readonly #dispose: () => Promise<void>;
  readonly #gone: Promise<string>;
  #lost: string | null = null;
  #stack: readonly StackEntry[];
  #saved: readonly SavedJob[];
  #backgrounds: Background[] = [];
  #states = 0;
  /** What was cut and belongs to the step that ends next. */
  #uncollected = nothingSeen();

  constructor(parts: VmMachineParts) {
    this.#vm = parts.vm;
    this.#agent = parts.agent;
    this.#fuse = parts.fuse;
    this.#views = parts.views;
    this.#directory = parts.directory;
    this.#directorySeconds = parts.directorySeconds;
    this.#dispose = parts.dispose;
    this.#stack = parts.stack;
    this.#saved = parts.saved;
    this.#gone = Promise.race([this.#vm.gone, this.#agent.gone]);
    void this.#gone.then((why) => {
      this.#lost = why;
    });
  }

  async exec(command: Command, output: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<Exit> {
    return this.#toItsEnd(command, signal, (launch) => this.#agent.exec(launch, { stays: false, output }), output);
  }

  async terminal(command: Command, line: TerminalLine, signal: AbortSignal): Promise<Exit> {
    const start = (launch: Launch): Job => {
      const { columns, rows, output } = line;
      const job = this.#agent.terminal(launch, { columns, rows, output });
      void job.started.then(() => line.attached(job)).catch(() => {});
      return job;
    };
    return this.#toItsEnd(command, signal, start, line.output);
  }

  async #toItsEnd(
    command: Command,
    signal: AbortSignal,
    start: (launch: Launch) => Job,
    output: (chunk: Uint8Array) => void,
  ): Promise<Exit> {
    if (signal.aborted) return { kind: 'cancelled' };
    let job: Job;
    try {
      const launch = await this.#launchOf(command, output);
      if (launch === null) return noSuchUser;
      job = start(launch);
    } catch (error) {
      return lostBy(error);
    }
    const kill = (): void => void this.#agent.kill(job.id).catch(() => {});
    signal.addEventListener('abort', kill, { once: true });
    const exit = await this.#exitOf(job);
    signal.removeEventListener('abort', kill);
    if (!signal.aborted || exit.kind === 'lost') return exit;
    await this.#agent.kill(job.id).catch(() => {});
    return { kind: 'cancelled' };
  }

  async start(command: Command, output: (chunk: Uint8Array) => void): Promise<BackgroundProcess> {
    const launch = await this.#launchOf(command, output).catch(lostBy);
    if (launch === null) return { exit: Promise.resolve(noSuchUser), ports: async () => [] };
    if ('kind' in launch) return { exit: Promise.resolve(launch), ports: async () => [] };
    return this.#watch(this.#agent.exec(launch, { stays: true, output }));
  }

  resumed(output: (index: number) => (chunk: Uint8Array) => void): readonly BackgroundProcess[] {
    const saved = this.#saved;
    this.#saved = [];
    return saved.map(({ job, ended }, index) => {
      if (ended === null) return this.#watch(this.#agent.attach(job, output(index)));
      const exit = Promise.resolve(ended);
      this.#backgrounds.push({ job, exit, ended });
      return { exit, ports: async () => [] };
    });
  }

  #watch(job: Job): BackgroundProcess {
    const background: Background = { job: job.id, exit: this.#exitOf(job), ended: null };
    this.#backgrounds.push(background);
    void background.exit.then((exit) => {
      background.ended = exit;
    });
    return {
      exit: background.exit,
      ports: async () => (background.ended === null ? this.#alive(() => this.#agent.ports(job.id)) : []),
    };
  }

  /** How a job ends; `lost` also where what it saw of the views cannot be trusted any more. */
  async #exitOf(job: Job): Promise<Exit> {
    try {
      await job.started;
      const { code, signal, memoryKills } = await job.ended;
      const { failure } = this.#views;
      if (failure !== null) return { kind: 'lost', why: failure };
      return exitOf({ code, signal, starved: memoryKills > 0 });
    } catch (error) {
      return lostBy(error);
    }
  }

  async resolve(path: GuestPath): ReturnType<Machine['resolve']> {
    const found = await this.#alive(() => this.#agent.resolve(encodeName(path)));
    return { ...found, path: decodeName(found.path) as GuestPath };
  }

  user(name: string): ReturnType<Machine['user']> {
    return this.#alive(() => ensureUser(this.#accounts, name));
  }

  async makeDirectory(path: GuestPath): Promise<void> {
    await this.#alive(() => this.#agent.makeDirectory(encodeName(path), { mode: 0o775, uid: 0, gid: 0 }));
  }

  async addTree(name: string, manifest: string): Promise<void> {
    await this.#views.addTree(name, manifest);
  }

  async addView(view: ViewSpec): Promise<void> {
    const shows = await this.#views.addView(view);
    // Only a directory can be mounted over, so that nobody has read what is copied: for a file that is the one it lies in.
    const isDirectory = shows.entry(view.destination)?.kind === 'directory';
    const at = isDirectory ? view.destination : dirname(view.destination);
    const shown = (path: string) => shows.entry(decodeName(Buffer.from(path, 'latin1')) as GuestPath);
    const directorySeconds = this.#directorySeconds;
    const destination = encodeName(at);
    const how = await this.#alive(() => this.#agent.addView(view.ordinal, { destination, shown, directorySeconds }));
    if (how === 'copied') await this.#dateDirectories();
    this.#stack = [...this.#stack, { kind: 'view', view }];
  }

  async addLayer(directory: string, at: GuestPath): Promise<void> {
    const { into, archive } = archiveOf(directory, at);
    await this.#alive(async () => {
      const { kind } = await this.#agent.resolve(encodeName(into));
      if (kind === null) await this.#agent.makeDirectory(encodeName(into), { mode: 0o775, uid: 0, gid: 0 });
      await this.#agent.copyIn(encodeName(into), archive.output);
      await archive.ended;
    });
    // What is unpacked into a directory shows the times of then, and that directory the time of now.
    await this.#dateDirectories();
    this.#stack = [...this.#stack, { kind: 'layer', directory, at }];
  }

  async #dateDirectories(): Promise<void> {
    if (this.#directorySeconds === null) return;
    const seconds = laterSeconds(this.#directorySeconds, Date.now());
    const why = await this.#alive(() => dateViews(this.#agent, { views: this.#views, seconds }));
    if (why !== null) throw new MachineRefused(why);
  }

  readonly setApart = async (): Promise<void> => {
    await this.#alive(async () => {
      await this.#agent.freeze();
      try {
        await this.#agent.setApart();
      } finally {
        await this.#agent.thaw();
      }
    });
  };

  async copyOut(path: GuestPath, directory: string): ReturnType<Machine['copyOut']> {
    return this.#alive(async () => {
      const found = await this.#agent.copyOut(encodeName(path));
      if (found === null) return null;
      await unpackInto(directory, found.archive);
      return found.kind;
    });
  }

  async endStep({ keep }: { readonly keep: boolean }): Promise<EndedStep> {
    const state = await this.#alive(async (): Promise<Kept> => {
      await this.#agent.freeze();
      try {
        await this.#agent.drain(this.#fuse.sentBytes);
        if (keep) return await this.#keep('continue');
        this.#collect();
        return { kept: false, why: 'it was not asked for' };
      } finally {
        await this.#agent.thaw();
      }
    });
    return { ...this.#cut(), state };
  }

  readonly hibernate = async (): Promise<EndedStep> => {
    await this.#alive(() => this.#agent.freeze());
    await this.#alive(() => this.#agent.drain(this.#fuse.sentBytes));
    const state = await this.#keep('end');
    if (!state.kept) await this.#alive(() => this.#agent.thaw());
    return { ...this.#cut(), state };
  };

  #cut(): Omit<EndedStep, 'state'> {
    const cut = this.#uncollected;
    this.#uncollected = nothingSeen();
    return cut;
  }

  async connect(port: number): Promise<Duplex> {
    try {
      return await this.#alive(() => this.#agent.connect(port));
    } catch (error) {
      if (error instanceof MachineLost) throw error;
      throw new MachineRefused(`nothing listens on port ${port}: ${messageOf(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispose();
  }

  /**
   * Saves memory, devices and disk of a machine whose processes stand still and whose views have all been answered. What the server of its views knows is
   * cut and saved while the guest does not run: whatever was asked before belongs to this step and is in the table, whatever comes later to neither.
   */
  async #keep(then: 'continue' | 'end'): Promise<Kept> {
    const directory = join(this.#directory, `state-${this.#states++}`);
    this.#views.hold();
    try {
      const extra = () => {
        this.#collect();
        return savedFiles({
          agent: this.#agent.state(),
          fuse: this.#fuse.state(),
          views: this.#views.save(),
          jobs: this.#jobs(),
        });
      };
      await (then === 'end' ? this.#vm.hibernate({ directory, extra }) : this.#vm.snapshot({ directory, extra }));
    } catch (error) {
      if (this.#lost !== null) throw new MachineLost(this.#lost);
      this.#collect();
      return { kept: false, why: `its memory could not be saved: ${messageOf(error)}` };
    } finally {
      if (this.#lost === null) this.#views.resume();
    }
    this.#stack = [...this.#stack, { kind: 'machine', directory }];
    return { kept: true, stack: this.#stack, layers: [directory] };
  }

  #collect(): void {
    const cut = this.#views.cutNow();
    this.#uncollected.observations.push(...cut.observations);
    this.#uncollected.fault ??= cut.fault;
    this.#uncollected.doubt ??= cut.doubt;
  }

  /** Those that are up or have failed; what has ended well is not taken up again. */
  #jobs(): readonly SavedJob[] {
    return this.#backgrounds
      .filter(({ ended }) => ended === null || ended.kind !== 'exited' || ended.code !== 0)
      .map(({ job, ended }) => ({ job, ended }));
  }

  /** Does something with the machine; where the machine or the server of its views is gone meanwhile, that is the reason. */
  async #alive<T>(work: () => Promise<T>): Promise<T> {
    if (this.#lost !== null) throw new MachineLost(this.#lost);
    if (this.#views.failure !== null) throw new MachineLost(`the view server is gone: ${this.#views.failure}`);
    const working = work();
    working.catch(() => {});
    const lost = this.#gone.then((why) => Promise.reject(new MachineLost(why)));
    lost.catch(() => {});
    return Promise.race([working, lost]);
  }

  async #launchOf(command: Command, output: (chunk: Uint8Array) => void): Promise<Launch | null> {
    const account = await this.#alive(() => accountOf(this.#accounts, command.user));
    if (account === null) {
      output(Buffer.from(`layer: there is no user ${command.user} in this machine\n`));
      return null;
    }
    const { uid, gid, groups } = account;
    return { script: command.script, env: command.env, uid, gid, groups, cwd: encodeName(command.cwd) };
  }

  get #accounts(): AccountFiles {
    const agent = this.#agent;
    return {
      async read(path) {
        try {
          return (await agent.read(path)).toString('utf8');
        } catch (error) {
          if (error instanceof MachineRefused) return null;
          throw error;
        }
      },
      write: (path, text, mode) => agent.write(path, text, { mode, uid: 0, gid: 0 }),
      makeHome: ({ home, uid, gid }) => agent.makeDirectory(home, { mode: 0o755, uid, gid }),
    };
  }
}

/** Has directories of views show a time in a machine that runs; why it cannot, or null. */
export async function dateViews(
  agent: GuestAgent,
  { views, seconds }: { readonly views: StreamViewServer; readonly seconds: number },
): Promise<string | null> {
  await agent.freeze();
  try {
    return await agent.dateDirectories({ seconds, isInViews: (path) => views.isDirectory(path) });
  } finally {
    await agent.thaw();
  }
}

const noSuchUser: Exit = { kind: 'exited', code: 126 };

function lostBy(error: unknown): Exit {
  if (error instanceof MachineLost || error instanceof MachineRefused) return { kind: 'lost', why: error.message };
  throw error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What is to be handed over at the end of a step, before anything was. */
function nothingSeen(): { readonly observations: Observation[]; fault: string | null; doubt: string | null } {
  return { observations: [], fault: null, doubt: null };
}
