import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { MachineLost, MachineRefused } from '../../driver.ts';
import type { Field } from '../frames.ts';
import { encodeFrame, FrameReader } from '../frames.ts';
import type { ChannelState } from './channel.ts';
import { Channel } from './channel.ts';
import { bytesAsText } from './calls.ts';
import { connectInGuest } from './connection.ts';
import { unpackGuestTree } from './copy-in.ts';
import { packGuestTree } from './copy-out.ts';
import type { FileAttributes, Place } from './guest-files.ts';
import { findPlace, makeGuestDirectory, readGuestFile, replaceGuestFile } from './guest-files.ts';
import type { Awakening } from './guest-identity.ts';
import { awaken } from './guest-identity.ts';
import {
  drainViews,
  freezeMachine,
  groupsBelow,
  jobGroups,
  killGroup,
  portsOf,
  processesOf,
  processName,
  thawMachine,
} from './guest-processes.ts';
import { enterMachine, namespacesFor } from './namespaces.ts';
import { Session } from './session.ts';
import type { ViewMounts } from './view-mounts.ts';
import { mountView } from './view-mounts.ts';

/** What the agent answers with while a request is open. */
interface Message {
  readonly kind: string;
  readonly fields: readonly Buffer[];
}

/** What the agent was asked for cannot be done; the machine is well. */
class GuestRefused extends MachineRefused {
  override readonly name = 'GuestRefused';
}

/** What is known of a guest's agent while its machine stands still; a new host end that gets it goes on as this one would have. Plain JSON. */
export interface AgentState {
  readonly channel: ChannelState;
  /** The part of a frame that has come, in base64. */
  readonly unparsed: string;
  readonly nextId: number;
  /** The machine's init, as the agent counts processes. */
  readonly init: number;
  readonly views: ViewMounts;
}

/** A command to start: always bash, in a session and a control group of its own. */
export interface Launch {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** As bytes: names in a machine need not be text. */
  readonly cwd: Field;
}

/** How a command ended: wait(2)'s status, and how many of the machine's processes the kernel killed meanwhile for want of memory. */
export interface Ended {
  readonly code: number;
  readonly signal: number;
  readonly memoryKills: number;
}

/** A command in the guest. It has a name by which a later host end finds it again (`attach`). */
export interface Job {
  readonly id: number;
  /** Resolves when its bash is in its control group. Rejects with `GuestRefused` where it could not be started. */
  readonly started: Promise<void>;
  /** Resolves when its bash has ended and all that was written before has been heard. Rejects with `MachineLost`. */
  readonly ended: Promise<Ended>;
}

/** A command on a terminal. */
export interface TerminalJob extends Job {
  type(bytes: Uint8Array): void;
  resize(columns: number, rows: number): void;
}

/** The agent in a guest, seen from outside: requests, and what comes back for them. */
export class GuestAgent {
  /** Resolves, with the reason, when it is gone. */
  readonly gone: Promise<string>;
  #channel: Channel | null = null;
  readonly #frames = new FrameReader();
  readonly #open = new Map<number, (message: Message) => void>();
  /** What came for jobs that nobody has attached to yet. */
  readonly #early = new Map<number, Message[]>();
  readonly #gone = Promise.withResolvers<string>();
  readonly #ready = Promise.withResolvers<Message>();
  #next: number;
  #init: number;
  #views: ViewMounts;
  #lost: string | null = null;

  private constructor(state: AgentState | null) {
    this.#next = state?.nextId ?? 1;
    this.#init = state?.init ?? -1;
    this.#views = state?.views ?? { mounts: [], made: 0 };
    if (state !== null) this.#hear(Buffer.from(state.unparsed, 'base64'));
    this.gone = this.#gone.promise;
    this.#open.set(0, (message) => this.#ready.resolve(message));
    void this.gone.then((why) => {
      this.#lost = why;
    });
  }

  /**
   * Connects to the agent of a guest. With `state`, of one whose memory was saved when `state()` was: its jobs go on, and what they print waits until
   * they are attached to. Without, to one that boots: waits until the machine is up. Rejects with `MachineLost` where it does not come up.
   */
  static async connect(
    stream: Duplex,
    options: { readonly state: AgentState | null; readonly signal: AbortSignal },
  ): Promise<GuestAgent> {
    const agent = new GuestAgent(options.state);
    try {
      agent.#channel = await Channel.open(stream, {
        state: options.state?.channel ?? null,
        listener: (bytes) => agent.#hear(bytes),
        signal: options.signal,
      });
    } catch (error) {
      options.signal.throwIfAborted();
      throw new MachineLost(`its agent did not answer: ${error instanceof Error ? error.message : String(error)}`);
    }
    void agent.#channel.gone.then(agent.#gone.resolve);
    if (options.state !== null) return agent;
    const first = await Promise.race([agent.#ready.promise, agent.gone]);
    if (typeof first === 'string') throw new MachineLost(first);
    if (first.kind !== 'ready') throw new MachineLost(`the machine did not start: ${first.fields[0]?.toString()}`);
    agent.#init = numberOf(first.fields[0]);
    return agent;
  }

  /** Why it is gone; null while it lives. */
  get lost(): string | null {
    return this.#lost;
  }

  /** What a new host end must know to go on. Fits the guest's memory only between `stop` and `cont`: call it there. */
  state(): AgentState {
    if (this.#channel === null) throw new Error('the agent is not connected');
    return {
      channel: this.#channel.state(),
      unparsed: this.#frames.rest.toString('base64'),
      nextId: this.#next,
      init: this.#init,
      views: this.#views,
    };
  }

  // Commands

  /** Starts a command; `output` hears what it prints, stdout and stderr together. With `stays`, also what its processes print after bash has ended. */
  exec(launch: Launch, options: { readonly stays: boolean; readonly output: (chunk: Uint8Array) => void }): Job {
    return this.#launch(['exec', options.stays ? '1' : '', ...launchFields(launch)], options.output);
  }

  /** Starts a command on a terminal of its own, with job control. */
  terminal(
    launch: Launch,
    options: { readonly columns: number; readonly rows: number; readonly output: (chunk: Uint8Array) => void },
  ): TerminalJob {
    const job = this.#launch(['terminal', options.columns, options.rows, ...launchFields(launch)], options.output);
    return {
      ...job,
      type: (bytes) => void this.#ask('type', job.id, bytes).catch(() => {}),
      resize: (columns, rows) => void this.#ask('size', job.id, columns, rows).catch(() => {}),
    };
  }

  /** Hears again a job that was started before a restore: what it prints, and how it ends or has ended meanwhile. */
  attach(id: number, output: (chunk: Uint8Array) => void): Job {
    const job = this.#listen(id, output);
    void this.#ask('attach', id).then(
      () => job.startedAlready(),
      (error: unknown) => job.failed(error),
    );
    for (const message of this.#early.get(id) ?? []) this.#open.get(id)?.(message);
    this.#early.delete(id);
    return job;
  }

  /** Kills every process that a job started, and waits until they are gone. */
  async kill(id: number): Promise<void> {
    using session = this.#session();
    await killGroup(session, `${jobGroups}/${id}`);
  }

  /** The processes that live in the machine because of jobs, also of jobs whose bash has ended, by name. */
  async jobs(): Promise<readonly { readonly id: number; readonly process: string }[]> {
    using session = this.#session();
    const living: { readonly id: number; readonly process: string }[] = [];
    for (const group of await groupsBelow(session, jobGroups)) {
      for (const pid of await processesOf(session, `${jobGroups}/${group}`))
        living.push({ id: Number(group), process: await processName(session, pid) });
    }
    return living;
  }

  /** TCP ports that a job's processes listen on now, ascending. */
  async ports(id: number): Promise<readonly number[]> {
    using session = this.#session();
    return await portsOf(session, await processesOf(session, `${jobGroups}/${id}`));
  }

  // The whole machine

  /** Stops every process of the machine, its init included; resolves when all stand still. The agent itself and the views are served on. */
  async freeze(): Promise<void> {
    using session = this.#session();
    await freezeMachine(session);
  }

  /** Lets the machine's processes go on. */
  async thaw(): Promise<void> {
    using session = this.#session();
    await thawMachine(session);
  }

  /**
   * Waits until every request of the guest's FUSE mount has been answered, and the kernel there has taken all that was sent on its port up to `sentBytes`
   * (of `FusePort`): replies and notifications.
   */
  async drain(sentBytes: number): Promise<void> {
    using session = this.#session();
    await drainViews(session, sentBytes);
  }

  /** Writes everything that waits for the disk. */
  async sync(): Promise<void> {
    using session = this.#session();
    await session.call('sync');
  }

  /**
   * Makes a restored machine one of its own, before anything in it is thawed: clock, entropy, host name and /etc/machine-id. Whoever restores kills the
   * machine where this fails.
   */
  async wake(given: Awakening): Promise<void> {
    using session = this.#session();
    await awaken(session, given);
  }

  // Files. Paths are bytes; a leading `/` is the machine's root, which no link leads out of.

  /** Follows every link; what is there (null: nothing), and mode and owner of each directory on the way, `/` first; those that exist. */
  async resolve(path: Field): Promise<{
    readonly path: Buffer;
    readonly kind: 'file' | 'directory' | 'other' | null;
    readonly ancestors: readonly FileAttributes[];
  }> {
    using session = await this.#inMachine();
    const place = await findPlace(session, path);
    return {
      path: Buffer.from(place.path, 'latin1'),
      kind: kindOf(place),
      ancestors: place.ancestors.map(({ mode, uid, gid }) => ({ mode, uid, gid })),
    };
  }

  /** A file's content. */
  async read(path: Field): Promise<Buffer> {
    using session = await this.#inMachine();
    return await readGuestFile(session, bytesAsText(path));
  }

  /** Replaces or makes a file, at once. */
  async write(path: Field, content: Field, attributes: FileAttributes): Promise<void> {
    using session = await this.#inMachine();
    const place = await findPlace(session, path);
    await replaceGuestFile(session, { path: place.path, content, attributes });
  }

  /** Makes a directory and those above it, where they are missing, all with these attributes. */
  async makeDirectory(path: Field, attributes: FileAttributes): Promise<void> {
    using session = await this.#inMachine();
    await makeGuestDirectory(session, await findPlace(session, path), attributes);
  }

  /**
   * What the machine shows at a path, as a tar archive (pax, with xattrs as GNU tar writes them): a directory's content, or a file under its own name.
   * Null where nothing is. Does not descend into other file systems. The archive is destroyed with the reason where it cannot be whole.
   */
  async copyOut(path: Field): Promise<{ readonly kind: 'directory' | 'file'; readonly archive: Readable } | null> {
    const session = await this.#inMachine();
    const place = await findPlace(session, path).catch((error: unknown) => {
      session[Symbol.dispose]();
      throw error;
    });
    const kind = kindOf(place);
    if (kind === null) session[Symbol.dispose]();
    if (kind === null) return null;
    const archive = Readable.from(packGuestTree(session, place), { objectMode: false, highWaterMark: 1 << 20 });
    archive.once('close', () => session[Symbol.dispose]());
    archive.on('error', () => {});
    return { kind: kind === 'directory' ? kind : 'file', archive };
  }

  /** Unpacks a tar archive (pax or GNU) below a path, which is made where it is missing, over what is there. */
  async copyIn(path: Field, archive: Readable): Promise<void> {
    try {
      using session = await this.#inMachine();
      const place = await findPlace(session, path);
      await makeGuestDirectory(session, place, { mode: 0o775, uid: 0, gid: 0 });
      await unpackGuestTree(session, { at: place.path, archive });
    } finally {
      archive.destroy();
    }
  }

  /**
   * Puts a view (a directory of the FUSE mount, named after its ordinal) over the machine's files, rooted at `destination`, a path that was resolved. An
   * overlay mount, under which what was written before stays in sight; `copied` where processes use the directory, or it is `/`: then its files were
   * copied in, so read, and what the view served shows as read.
   */
  async addView(ordinal: number, destination: Field): Promise<'mounted' | 'copied'> {
    using session = this.#session();
    const { how, known } = await mountView(session, {
      ...{ known: this.#views, namespaces: await namespacesFor(session, this.#init), init: this.#init },
      ...{ ordinal, destination: bytesAsText(destination) },
    });
    this.#views = known;
    return how;
  }

  /** Connects to a TCP port on the machine's loopback. Rejects with `MachineRefused` where nothing listens. */
  async connect(port: number): Promise<Duplex> {
    const reader = this.#spawn();
    const writer = this.#session();
    try {
      return await connectInGuest({ reader: reader.session, writer, readerPid: await reader.pid }, port);
    } catch (error) {
      for (const session of [reader.session, writer]) session[Symbol.dispose]();
      throw error;
    }
  }

  #session(): Session {
    return this.#spawn().session;
  }

  async #inMachine(): Promise<Session> {
    const session = this.#session();
    await session.run(enterMachine(this.#init)).catch((error: unknown) => {
      session[Symbol.dispose]();
      throw error;
    });
    return session;
  }

  /** A new child of the agent's. */
  #spawn(): { readonly session: Session; readonly pid: Promise<number> } {
    if (this.#lost !== null) throw new MachineLost(this.#lost);
    const id = this.#next++;
    const pid = Promise.withResolvers<number>();
    pid.promise.catch(() => {});
    const session = new Session({
      send: (bytes) => this.#send([id, 'input', bytes]),
      end: () => {
        if (this.#open.delete(id)) this.#send([id, 'kill']);
      },
    });
    const over = (why: Error): void => {
      this.#open.delete(id);
      session.ended(why);
      pid.reject(why);
    };
    this.#open.set(id, ({ kind, fields: [first] }) => {
      if (kind === 'started') pid.resolve(numberOf(first));
      if (kind === 'output' && first !== undefined) session.heard(first);
      if (kind === 'failed') over(new GuestRefused(first?.toString() ?? kind));
      if (kind === 'exit') over(new GuestRefused('what worked on it has died'));
    });
    void this.gone.then((why) => over(new MachineLost(why)));
    this.#send([id, 'spawn', '', '']);
    return { session, pid: pid.promise };
  }

  #launch(fields: readonly Field[], output: (chunk: Uint8Array) => void): Job {
    const id = this.#next++;
    const job = this.#listen(id, output);
    this.#send([id, ...fields]);
    return job;
  }

  #listen(
    id: number,
    output: (chunk: Uint8Array) => void,
  ): Job & { startedAlready(): void; failed(error: unknown): void } {
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<Ended>();
    // Whoever wants to know awaits them; a machine that is lost is no failure of who does not.
    started.promise.catch(() => {});
    ended.promise.catch(() => {});
    const failed = (error: unknown): void => {
      started.reject(error);
      ended.reject(error);
    };
    this.#open.set(id, ({ kind, fields }) => {
      const [first, second, third] = fields;
      if (kind === 'started') started.resolve();
      if (kind === 'output' && first !== undefined) output(first);
      if (kind === 'error') failed(new GuestRefused(first?.toString() ?? 'it could not be started'));
      if (kind !== 'exit') return;
      ended.resolve({ code: numberOf(first), signal: numberOf(second), memoryKills: numberOf(third) });
    });
    void this.gone.then((why) => failed(new MachineLost(why)));
    return { id, started: started.promise, ended: ended.promise, startedAlready: () => started.resolve(), failed };
  }

  /** Asks for one thing and returns its answer. */
  async #ask(what: string, ...fields: readonly Field[]): Promise<readonly Buffer[]> {
    if (this.#lost !== null) throw new MachineLost(this.#lost);
    const id = this.#next++;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#open.set(id, resolve);
    this.#send([id, what, ...fields]);
    const answer = await Promise.race([promise, this.gone]);
    this.#open.delete(id);
    if (typeof answer === 'string') throw new MachineLost(answer);
    if (answer.kind === 'ok') return answer.fields;
    throw new GuestRefused(answer.fields[0]?.toString() ?? answer.kind);
  }

  #send(fields: readonly Field[]): void {
    this.#channel?.send(encodeFrame(fields));
  }

  #hear(bytes: Buffer): void {
    for (const [field, kind, ...fields] of this.#frames.push(bytes)) {
      const id = Number(field?.toString());
      const message = { kind: kind?.toString() ?? '', fields };
      const listener = this.#open.get(id);
      if (listener !== undefined) listener(message);
      else if (message.kind === 'output' || (message.kind === 'exit' && fields.length > 1))
        this.#early.set(id, [...(this.#early.get(id) ?? []), message]);
    }
  }
}

function numberOf(field: Buffer | undefined): number {
  return Number(field?.toString() ?? 0);
}

function kindOf({ stat }: Place): 'file' | 'directory' | 'other' | null {
  if (stat === null) return null;
  return stat.kind === 'file' || stat.kind === 'directory' ? stat.kind : 'other';
}

function launchFields(launch: Launch): readonly Field[] {
  const environment = Object.entries(launch.env).map(([name, value]) => `${name}=${value}`);
  const { uid, gid, groups, cwd, script } = launch;
  return [uid, gid, groups.join(','), cwd, script, environment.join('\0')];
}
