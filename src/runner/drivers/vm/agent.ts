import { Buffer } from 'node:buffer';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MachineLost, MachineRefused } from '../../driver.ts';
import type { Field } from '../frames.ts';
import { encodeFrame, FrameReader } from '../frames.ts';
import type { ChannelState } from './channel.ts';
import { Channel } from './channel.ts';
import { Transfer } from './transfer.ts';

/** What the agent answers with while a request is open. */
interface Message {
  readonly kind: string;
  readonly fields: readonly Buffer[];
}

/** What the agent was asked for cannot be done; the machine is well. */
export class GuestRefused extends MachineRefused {
  override readonly name = 'GuestRefused';
}

/** What is known of a guest's agent while its machine stands still; a new host end that gets it goes on as this one would have. Plain JSON. */
export interface AgentState {
  readonly channel: ChannelState;
  /** The part of a frame that has come, in base64. */
  readonly unparsed: string;
  readonly nextId: number;
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

/** Permission bits and owner of what is written. */
export interface FileAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
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
  #lost: string | null = null;

  private constructor(state: AgentState | null) {
    this.#next = state?.nextId ?? 1;
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
    await this.#ask('kill', id);
  }

  /** The processes that live in the machine because of jobs, also of jobs whose bash has ended, by name. */
  async jobs(): Promise<readonly { readonly id: number; readonly process: string }[]> {
    const fields = await this.#ask('jobs');
    return Array.from({ length: fields.length / 2 }, (_, at) => ({
      id: Number(fields[2 * at]?.toString()),
      process: fields[2 * at + 1]?.toString() ?? '',
    }));
  }

  /** TCP ports that a job's processes listen on now, ascending. */
  async ports(id: number): Promise<readonly number[]> {
    const [tcp, tcp6, ...inodes] = await this.#ask('ports', id);
    const own = new Set(inodes.map(String));
    const ports = new Set<number>();
    for (const line of `${tcp?.toString()}\n${tcp6?.toString()}`.split('\n')) {
      const columns = line.trim().split(/\s+/);
      const port = Number.parseInt(columns[1]?.split(':').at(-1) ?? '', 16);
      if (columns[3] === '0A' && own.has(columns[9] ?? '')) ports.add(port);
    }
    return [...ports].sort((a, b) => a - b);
  }

  // The whole machine

  /** Stops every process of the machine, its init included; resolves when all stand still. The agent itself and the views are served on. */
  async freeze(): Promise<void> {
    await this.#ask('freeze');
  }

  /** Lets the machine's processes go on. */
  async thaw(): Promise<void> {
    await this.#ask('thaw');
  }

  /**
   * Waits until every request of the guest's FUSE mount has been answered, and the kernel there has taken all that was sent on its port up to `sentBytes`
   * (of `FusePort`): replies and notifications.
   */
  async drain(sentBytes: number): Promise<void> {
    await this.#ask('drain', sentBytes);
  }

  /** Writes everything that waits for the disk. */
  async sync(): Promise<void> {
    await this.#ask('sync');
  }

  /**
   * Makes a restored machine one of its own, before anything in it is thawed: clock, entropy (mixed in and the generator reseeded at once), host name and
   * /etc/machine-id. Whoever restores kills the machine where this fails.
   */
  async wake(options: {
    readonly unixNs: bigint;
    /** 64 random bytes. */
    readonly entropy: Uint8Array;
    readonly hostname: string;
    /** 32 hex digits. */
    readonly machineId: string;
  }): Promise<void> {
    await this.#ask('wake', String(options.unixNs), options.entropy, options.hostname, options.machineId);
  }

  // Files. Paths are bytes; a leading `/` is the machine's root, which no link leads out of.

  /** Follows every link; what is there (null: nothing), and mode and owner of each directory on the way, `/` first; those that exist. */
  async resolve(path: Field): Promise<{
    readonly path: Buffer;
    readonly kind: 'file' | 'directory' | 'other' | null;
    readonly ancestors: readonly { readonly mode: number; readonly uid: number; readonly gid: number }[];
  }> {
    const [found, kind, ...attributes] = await this.#ask('resolve', path);
    const numbers = attributes.map(numberOf);
    const ancestors = Array.from({ length: numbers.length / 3 }, (_, at) => ({
      mode: numbers[3 * at] ?? 0,
      uid: numbers[3 * at + 1] ?? 0,
      gid: numbers[3 * at + 2] ?? 0,
    }));
    return { path: found ?? Buffer.from(path as string), kind: kindOf(kind?.toString() ?? ''), ancestors };
  }

  /** A file's content. */
  async read(path: Field): Promise<Buffer> {
    const [bytes] = await this.#ask('read', path);
    return bytes ?? Buffer.alloc(0);
  }

  /** Replaces or makes a file, at once. */
  async write(path: Field, content: Field, attributes: FileAttributes): Promise<void> {
    await this.#ask('write', path, content, attributes.mode, attributes.uid, attributes.gid);
  }

  /** Makes a directory and those above it, where they are missing, all with these attributes. */
  async makeDirectory(path: Field, attributes: FileAttributes): Promise<void> {
    await this.#ask('mkdir', path, attributes.mode, attributes.uid, attributes.gid);
  }

  /**
   * What the machine shows at a path, as a tar archive (pax, with xattrs as GNU tar writes them): a directory's content, or a file under its own name.
   * Null where nothing is. Does not descend into other file systems. The archive is destroyed with the reason where it cannot be whole.
   */
  async copyOut(path: Field): Promise<{ readonly kind: 'directory' | 'file'; readonly archive: Readable } | null> {
    const { transfer, kind, done } = this.#transfer('copy-out', path);
    const found = await kind;
    if (found !== 'directory' && found !== 'file') return null;
    void done.then(
      () => transfer.end(),
      () => {},
    );
    return { kind: found, archive: transfer };
  }

  /** Unpacks a tar archive (pax or GNU) below a path, which is made where it is missing, over what is there. */
  async copyIn(path: Field, archive: Readable): Promise<void> {
    const { transfer, done } = this.#transfer('copy-in', path);
    await Promise.all([done, pipeline(archive, transfer, { end: true })]);
  }

  /**
   * Puts a view (a directory of the FUSE mount, named after its ordinal) over the machine's files, rooted at `destination`, a path that was resolved. An
   * overlay mount, under which what was written before stays in sight; `copied` where processes use the directory, or it is `/`: then its files were
   * copied in, so read, and what the view served shows as read.
   */
  async addView(ordinal: number, destination: Field): Promise<'mounted' | 'copied'> {
    const [how] = await this.#ask('view', ordinal, destination);
    return how?.toString() === 'copied' ? 'copied' : 'mounted';
  }

  /** Connects to a TCP port on the machine's loopback. Rejects with `GuestRefused` where nothing listens. */
  async connect(port: number): Promise<Duplex> {
    const { transfer, kind } = this.#transfer('connect', port);
    await kind;
    return transfer;
  }

  /** A request with a stream of bytes both ways. `kind`: the agent's first word about it; `done`: its last, or why it failed, as the stream has it too. */
  #transfer(
    what: string,
    ...fields: readonly Field[]
  ): { readonly transfer: Transfer; readonly kind: Promise<string>; readonly done: Promise<void> } {
    if (this.#lost !== null) throw new MachineLost(this.#lost);
    const id = this.#next++;
    const kind = Promise.withResolvers<string>();
    const done = Promise.withResolvers<void>();
    for (const promise of [kind.promise, done.promise]) promise.catch(() => {});
    const transfer = new Transfer((what, field) => {
      if (this.#open.has(id)) this.#send([id, what, field]);
    });
    transfer.on('error', () => {});
    const failed = (error: Error): void => {
      this.#open.delete(id);
      kind.reject(error);
      done.reject(error);
      transfer.destroy(error);
    };
    this.#open.set(id, ({ kind: word, fields: [first] }) => {
      if (word === 'kind') kind.resolve(first?.toString() ?? '');
      if (word === 'data' && first !== undefined) transfer.came(first);
      if (word === 'took') transfer.took(numberOf(first));
      if (word === 'error') failed(new GuestRefused(first?.toString() ?? word));
      if (word !== 'ok') return;
      this.#open.delete(id);
      transfer.push(null);
      done.resolve();
    });
    void this.gone.then((why) => failed(new MachineLost(why)));
    transfer.once('close', () => {
      if (this.#open.delete(id)) this.#send([id, 'end', 1]);
    });
    this.#send([id, what, ...fields]);
    return { transfer, kind: kind.promise, done: done.promise };
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
      else if (['output', 'exit'].includes(message.kind))
        this.#early.set(id, [...(this.#early.get(id) ?? []), message]);
    }
  }
}

function numberOf(field: Buffer | undefined): number {
  return Number(field?.toString() ?? 0);
}

function kindOf(kind: string): 'file' | 'directory' | 'other' | null {
  if (kind === 'file' || kind === 'directory') return kind;
  return kind === '' ? null : 'other';
}

function launchFields(launch: Launch): readonly Field[] {
  const environment = Object.entries(launch.env).map(([name, value]) => `${name}=${value}`);
  const { uid, gid, groups, cwd, script } = launch;
  return [uid, gid, groups.join(','), cwd, script, environment.join('\0')];
}
