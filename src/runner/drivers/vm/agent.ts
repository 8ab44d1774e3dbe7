import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';
import { MachineLost } from '../../driver.ts';
import type { Field } from '../frames.ts';
import { bytesAsText } from './calls.ts';
import type { ChannelState } from './channel.ts';
import { Channel } from './channel.ts';
import { Children, Workers } from './children.ts';
import { connectInGuest } from './connection.ts';
import { unpackGuestTree } from './copy-in.ts';
import { packGuestTree } from './copy-out.ts';
import type { DeskState } from './desk.ts';
import { Desk } from './desk.ts';
import { bootMachine } from './guest-boot.ts';
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
import type { Job, JobState, TerminalJob } from './jobs.ts';
import { Jobs } from './jobs.ts';
import type { Launch } from './launching.ts';
import { enterMachine, namespacesFor } from './namespaces.ts';
import type { Dating } from './directory-times.ts';
import { dateDirectories } from './directory-times.ts';
import type { Session } from './session.ts';
import type { Renewal } from './own-writes.ts';
import { renewMounts, setApart } from './own-writes.ts';
import type { Shown, ViewMounts } from './view-mounts.ts';
import { mountView } from './view-mounts.ts';

export type { Ended, Job, TerminalJob } from './jobs.ts';
export type { Launch } from './launching.ts';

/** What is known of a guest's agent while its machine stands still; a new host end that gets it goes on as this one would have. Plain JSON. */
export interface AgentState {
  readonly channel: ChannelState;
  /** The part of a message that has come, in base64. */
  readonly unparsed: string;
  readonly nextId: number;
  /** The machine's init, as the agent counts processes. */
  readonly init: number;
  readonly jobs: readonly JobState[];
  readonly views: ViewMounts;
  readonly desk: DeskState | null;
  /** What the machine was called last; absent where nothing has run in it. */
  readonly named?: string;
}

/** A machine, by the agent in its guest: what is to be done there is decided here, and the agent does it call by call. */
export class GuestAgent {
  /** Resolves, with the reason, when it is gone. */
  readonly gone: Promise<string>;
  readonly #channel: Channel;
  readonly #children: Children;
  readonly #workers: Workers;
  readonly #desk: Desk;
  readonly #init: number;
  readonly #jobs: Jobs;
  #views: ViewMounts;
  #named: string | null;
  #lost: string | null = null;

  private constructor(
    parts: { readonly channel: Channel; readonly children: Children; readonly workers: Workers },
    state: Pick<AgentState, 'init' | 'jobs' | 'views' | 'desk' | 'named'>,
  ) {
    const { channel, children, workers } = parts;
    this.#channel = channel;
    this.#children = children;
    this.#workers = workers;
    this.#init = state.init;
    this.#views = state.views;
    this.#named = state.named ?? null;
    this.gone = channel.gone;
    const desk = new Desk(workers, state.desk);
    this.#desk = desk;
    this.#jobs = new Jobs({ children, workers, desk, gone: this.gone, init: state.init, state: state.jobs });
    void this.gone.then((why) => {
      this.#lost = why;
    });
  }

  /**
   * Connects to the agent of a guest. With `state`, of one whose memory was saved when `state()` was: its jobs go on, and what they print waits until
   * they are attached to. Without, to one that boots: makes a machine of it, and waits until that is up. Rejects with `MachineLost` where it does not come up.
   */
  static async connect(
    stream: Duplex,
    options: { readonly state: AgentState | null; readonly signal: AbortSignal },
  ): Promise<GuestAgent> {
    const { state, signal } = options;
    const unparsed = Buffer.from(state?.unparsed ?? '', 'base64');
    const early: Buffer[] = [];
    let hear = (bytes: Buffer): void => void early.push(bytes);
    const channel = await Channel.open(stream, {
      state: state?.channel ?? null,
      listener: (bytes) => hear(bytes),
      signal,
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw new MachineLost(`its agent did not answer: ${error instanceof Error ? error.message : String(error)}`);
    });
    const children = new Children((bytes) => void channel.send(bytes), { next: state?.nextId ?? 1, unparsed });
    const workers = new Workers(children, channel.gone);
    hear = (bytes) => children.heard(bytes);
    const parts = { channel, children, workers };
    const agent = new GuestAgent(
      parts,
      state ?? { init: await boot(workers), jobs: [], views: { mounts: [], made: 0 }, desk: null },
    );
    for (const bytes of early) children.heard(bytes);
    return agent;
  }

  /** Why it is gone; null while it lives. */
  get lost(): string | null {
    return this.#lost;
  }

  /** What a new host end must know to go on. Fits the guest's memory only between `stop` and `cont`: call it there. */
  state(): AgentState {
    const { next, unparsed } = this.#children.state;
    return {
      channel: this.#channel.state(),
      unparsed: unparsed.toString('base64'),
      nextId: next,
      init: this.#init,
      jobs: this.#jobs.state,
      views: this.#views,
      desk: this.#desk.state,
      ...(this.#named === null ? {} : { named: this.#named }),
    };
  }

  // Commands

  /** Starts a command; `output` hears what it prints, stdout and stderr together. With `stays`, also what its processes print after bash has ended. */
  exec(launch: Launch, options: { readonly stays: boolean; readonly output: (chunk: Uint8Array) => void }): Job {
    return this.#jobs.exec(launch, options);
  }

  /** Starts a command on a terminal of its own, with job control. */
  terminal(
    launch: Launch,
    options: { readonly columns: number; readonly rows: number; readonly output: (chunk: Uint8Array) => void },
  ): TerminalJob {
    return this.#jobs.terminal(launch, options);
  }

  /** Hears again a job that was started before a restore: what it prints, and how it ends or has ended meanwhile. */
  attach(id: number, output: (chunk: Uint8Array) => void): Job {
    return this.#jobs.attach(id, output);
  }

  /** Kills every process that a job started, and waits until they are gone. */
  async kill(id: number): Promise<void> {
    await killGroup(this.#desk.session, `${jobGroups}/${id}`);
  }

  /** The processes that live in the machine because of jobs, also of jobs whose bash has ended, by name. */
  async jobs(): Promise<readonly { readonly id: number; readonly process: string }[]> {
    const { session } = this.#desk;
    const living: { readonly id: number; readonly process: string }[] = [];
    for (const group of await groupsBelow(session, jobGroups)) {
      for (const pid of await processesOf(session, `${jobGroups}/${group}`))
        living.push({ id: Number(group), process: await processName(session, pid) });
    }
    return living;
  }

  /** TCP ports that a job's processes listen on now, ascending. */
  async ports(id: number): Promise<readonly number[]> {
    const { session } = this.#desk;
    return await portsOf(session, await processesOf(session, `${jobGroups}/${id}`));
  }

  // The whole machine

  /** Stops every process of the machine, its init included; resolves when all stand still. The agent itself and the views are served on. */
  async freeze(): Promise<void> {
    await freezeMachine(this.#desk.session);
  }

  /** Lets the machine's processes go on. */
  async thaw(): Promise<void> {
    await thawMachine(this.#desk.session);
  }

  /**
   * Waits until every request of the guest's FUSE mount has been answered, and the kernel there has taken all that was sent on its port up to `sentBytes`
   * (of `FusePort`): replies and notifications.
   */
  async drain(sentBytes: number): Promise<void> {
    await drainViews(this.#desk.session, sentBytes);
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
    await awaken(this.#desk.session, { ...given, init: this.#init, named: this.#named });
    this.#named = given.hostname;
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
   * Null where nothing is. What is mounted below it is left out, unless it is a view. The archive is destroyed with the reason where it cannot be whole.
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
    const views = this.#views.mounts.map(({ destination }) => destination);
    const archive = Readable.from(packGuestTree(session, place, views), { objectMode: false, highWaterMark: 1 << 20 });
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
  async addView(
    ordinal: number,
    given: { readonly destination: Field; readonly shown: Shown; readonly directorySeconds: number | null },
  ): Promise<'mounted' | 'copied'> {
    const { destination, shown, directorySeconds } = given;
    using session = this.#session();
    const { how, known } = await mountView(session, {
      ...{ known: this.#views, namespaces: await namespacesFor(session, this.#init), init: this.#init },
      ...{ ordinal, destination: bytesAsText(destination), shown, directorySeconds },
    });
    this.#views = known;
    return how;
  }

  /** From now on what is written over the views is told apart from what was. In a frozen machine; where it cannot be, `renewViews` says why. */
  async setApart(): Promise<void> {
    using session = this.#session();
    const namespaces = await namespacesFor(session, this.#init);
    this.#views = await setApart(session, { known: this.#views, namespaces, init: this.#init });
  }

  /** Has a frozen machine show other files where its views lie; why it cannot, or null. */
  async renewViews(renewal: Renewal): Promise<string | null> {
    using session = this.#session();
    const namespaces = await namespacesFor(session, this.#init);
    const found = await renewMounts(session, { known: this.#views, namespaces, init: this.#init, renewal });
    if ('why' in found) return found.why;
    this.#views = found.known;
    return null;
  }

  /** Has directories that views hold show this time wherever the frozen machine holds them too; why it cannot, or null. */
  async dateDirectories(dating: Dating): Promise<string | null> {
    const known = this.#views;
    if (known.mounts.length === 0 && (known.copied ?? []).length === 0) return null;
    using session = this.#session();
    return await dateDirectories(session, { known, namespaces: await namespacesFor(session, this.#init), dating });
  }

  /** Connects to a TCP port on the machine's loopback. Rejects with `MachineRefused` where nothing listens. */
  async connect(port: number): Promise<Duplex> {
    const reader = this.#workers.start();
    const writer = this.#session();
    try {
      return await connectInGuest({ reader: reader.session, writer, readerPid: await reader.pid }, port);
    } catch (error) {
      for (const session of [reader.session, writer]) session[Symbol.dispose]();
      throw error;
    }
  }

  #session(): Session {
    return this.#workers.session();
  }

  async #inMachine(): Promise<Session> {
    const session = this.#session();
    await session.run(enterMachine(this.#init)).catch((error: unknown) => {
      session[Symbol.dispose]();
      throw error;
    });
    return session;
  }
}

async function boot(workers: Workers): Promise<number> {
  try {
    return await bootMachine(workers);
  } catch (error) {
    if (error instanceof MachineLost) throw error;
    throw new MachineLost(`the machine did not start: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function kindOf({ stat }: Place): 'file' | 'directory' | 'other' | null {
  if (stat === null) return null;
  return stat.kind === 'file' || stat.kind === 'directory' ? stat.kind : 'other';
}
