import { chmod, chown, link, mkdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { constants } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { liveFileOptions, liveImage, liveNode } from './arguments.ts';
import { GuestMemory } from './guest-memory.ts';
import type { MachineIdentity } from './identity.ts';
import type { FileRecord } from './machine-record.ts';
import { encodeRecord, isPlainName, recordName } from './machine-record.ts';
import { MemoryWriter } from './memory-writer.ts';
import type { PageDigests } from './page-digests.ts';
import { pageBytes } from './page-index.ts';
import type { QemuProcess, QemuUser } from './process.ts';
import { emptyQcow2 } from './qcow2.ts';
import type { Qmp } from './qmp.ts';
import { recordContent, recordFile } from './saved-file.ts';

/** Where a snapshot goes. */
export interface SnapshotOptions {
  /** Does not exist yet, or is empty; on the file system of the machine's own. */
  readonly directory: string;
  /** `image`: all of the memory as a file that machines map and share (a base machine's boot); else the pages that changed, compressed. */
  readonly memory?: 'blocks' | 'image';
  /** Files of the caller's own by name, kept beside: called when the guest stands still and all it had said has come out of both streams. */
  readonly extra?: () => Readonly<Record<string, string | Uint8Array>>;
}

/** What a snapshot cost. */
export interface SnapshotTimes {
  /** How long the guest stood still. */
  readonly pauseMs: number;
  readonly totalMs: number;
  /** Sum of the files' sizes, holes among them. */
  readonly savedBytes: number;
}

/** A machine as its snapshots see it. */
export interface Subject {
  readonly process: QemuProcess;
  readonly qmp: Qmp;
  readonly user: QemuUser | null;
  readonly identity: MachineIdentity;
  /** QEMU's working directory. */
  readonly directory: string;
  readonly virtualBytes: number;
  /** Why it has no way out although it was to have one; null where all is well. */
  readonly networkFault: string | null;
}

const stateName = 'state';
const attempts = 3;

/** A channel brought something while the guest was being copied. */
class Restless extends Error {
  override readonly message = 'the machine does not stand still: something is written to it all the time';
}

/** Saves the states of one machine, one above the other. One at a time. */
export class Snapshots {
  readonly #machine: Subject;
  /** Digest of the record of the newest level; null before the first. */
  #parent: string | null;
  readonly #digests: PageDigests;
  /** The image that is written now; those before it are frozen. */
  #live = 0;
  /** Paths of images that were frozen since the newest level. */
  #frozen: readonly string[] = [];

  constructor(machine: Subject, newest: { readonly parent: string | null; readonly digests: PageDigests }) {
    this.#machine = machine;
    this.#parent = newest.parent;
    this.#digests = newest.digests;
  }

  /**
   * `continue`: the guest runs again as soon as all of it is copied. Where writing fails, what was written is removed, the machine runs on as if nothing had
   * been asked, and it rejects.
   */
  async save(options: SnapshotOptions, then: 'continue' | 'stay'): Promise<SnapshotTimes> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(options, then);
      } catch (error) {
        if (!(error instanceof Restless) || attempt === attempts) throw error;
      }
    }
  }

  async #attempt(options: SnapshotOptions, then: 'continue' | 'stay'): Promise<SnapshotTimes> {
    const began = performance.now();
    const { directory } = options;
    const { identity, virtualBytes } = this.#machine;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const writer = await MemoryWriter.create({
      directory,
      below: this.#digests,
      pages: identity.facts.memoryBytes / pageBytes,
      as: options.memory ?? 'blocks',
    });
    try {
      await this.#addLiveImage();
      const { state, extra, pauseMs } = await this.#standStill(then, async () => {
        await this.#settle();
        const extra = options.extra?.() ?? {};
        await this.#freezeImage();
        return { extra, state: await this.#copyMachine(writer) };
      });
      const files: Record<string, FileRecord> = { ...(await writer.finish()) };
      for (const [name, content] of Object.entries({ ...extra, [stateName]: state })) {
        if (!isPlainName(name) || name in files)
          throw new Error(`a snapshot cannot hold a file of yours named ${name}`);
        const bytes = typeof content === 'string' ? Buffer.from(content) : content;
        await writeFile(join(directory, name), bytes, { mode: 0o600, flag: 'wx' });
        files[name] = recordContent(bytes);
      }
      const disks = this.#frozen.map((path, n) => ({ path, name: `disk-${n}.qcow2` }));
      for (const { path, name } of disks) {
        await link(path, join(directory, name));
        files[name] = await recordFile(path);
      }
      const record = { identity, parent: this.#parent, files, disks: disks.map(({ name }) => name), virtualBytes };
      const { text, digest } = encodeRecord(record);
      await writeFile(join(directory, recordName), text, { mode: 0o600, flag: 'wx' });
      writer.commit();
      for (const { path } of disks) await unlink(path);
      this.#frozen = [];
      this.#parent = digest;
      const savedBytes = Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);
      return { pauseMs, totalMs: performance.now() - began, savedBytes };
    } catch (error) {
      await writer.abandon();
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Makes known the image that will be written from the snapshot on. One that an attempt before this left is used. */
  async #addLiveImage(): Promise<void> {
    const { directory, qmp, user, virtualBytes } = this.#machine;
    const next = this.#live + 1;
    const path = join(directory, liveImage(next));
    const known = await qmp.run('query-named-block-nodes', { flat: true });
    const node = liveNode(next);
    if (Array.isArray(known) && known.some((one: Readonly<Record<string, unknown>>) => one['node-name'] === node))
      return;
    await writeFile(path, emptyQcow2(virtualBytes), { mode: 0o600 });
    if (user) await chown(path, user.uid, user.uid);
    await qmp.run('blockdev-add', {
      driver: 'qcow2',
      'node-name': node,
      file: liveFileOptions(next),
      backing: null,
      discard: 'unmap',
      cache: { direct: false, 'no-flush': true },
    });
  }

  async #standStill<T>(then: 'continue' | 'stay', work: () => Promise<T>): Promise<T & { readonly pauseMs: number }> {
    const { qmp, process } = this.#machine;
    const streams: readonly Socket[] = [process.agent, process.fuse];
    // What came now would change the guest's memory between one copy and the next.
    for (const stream of streams) stream.cork();
    const began = performance.now();
    try {
      await qmp.run('stop');
      const result = await work();
      if (then === 'continue') await qmp.run('cont');
      return { ...result, pauseMs: performance.now() - began };
    } catch (error) {
      await qmp.run('cont').catch(() => {});
      throw error;
    } finally {
      for (const stream of streams) stream.uncork();
    }
  }

  /** Waits until all that the guest had said before it was stopped has been read from the streams, which whoever owns them goes on reading. */
  async #settle(): Promise<void> {
    const { agent, fuse } = this.#machine.process;
    for (let before = -1; before !== agent.bytesRead + fuse.bytesRead;) {
      before = agent.bytesRead + fuse.bytesRead;
      await this.#machine.qmp.run('query-status');
      await turn();
      await turn();
    }
  }

  async #freezeImage(): Promise<void> {
    const { qmp, directory } = this.#machine;
    await qmp.run('blockdev-snapshot', { node: liveNode(this.#live), overlay: liveNode(this.#live + 1) });
    const path = join(directory, liveImage(this.#live));
    this.#live++;
    this.#frozen = [...this.#frozen, path];
    if (this.#machine.user) await chown(path, 0, 0);
    await chmod(path, 0o400);
  }

  /** Copies memory between two copies of the devices' state that must be equal: then nothing happened in between. */
  async #copyMachine(writer: MemoryWriter): Promise<Buffer> {
    const { process, identity } = this.#machine;
    using memory = GuestMemory.open(process.pid, identity.facts.memoryBytes);
    const state = await this.#saveDevices();
    await writer.copy(memory);
    if (!state.equals(await this.#saveDevices())) throw new Restless();
    return state;
  }

  async #saveDevices(): Promise<Buffer> {
    const path = join(this.#machine.directory, stateName);
    await this.#machine.qmp.run('xen-save-devices-state', { filename: stateName, live: false });
    const state = await readFile(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
    await unlink(path);
    return state;
  }
}
