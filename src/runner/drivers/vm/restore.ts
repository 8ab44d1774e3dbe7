import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Level } from './chain.ts';
import { imagePath, openLevels, readChain, verifyDisks, verifyImage } from './chain.ts';
import type { FlattenedMemory } from './flatten.ts';
import { GuestMemory } from './guest-memory.ts';
import { identityDifference } from './identity.ts';
import { emptyImage } from './memory-image.ts';
import type { PageTaker } from './memory-reader.ts';
import { readLevels } from './memory-reader.ts';
import { PageDigests } from './page-digests.ts';
import { pageBytes } from './page-index.ts';
import { channelDescriptors } from './process.ts';
import { StateUnusable } from '../../driver.ts';
import { damaged, readSaved } from './saved-file.ts';
import type { Subject } from './snapshot.ts';
import { identify, start } from './start.ts';
import type { MachineOptions } from './virtual-machine.ts';
import { VirtualMachine } from './virtual-machine.ts';

export interface RestoreOptions extends MachineOptions {
  /** Directories of a machine's levels, the oldest first. */
  readonly chain: readonly string[];
  /** The chain's memory as one file, where many machines are loaded from it (`flattenMemory`). */
  readonly memory?: FlattenedMemory;
}

/**
 * Loads a saved machine into a new QEMU and lets it run; every file of its chain has been compared with its recorded digest by then. Rejects with
 * `StateUnusable` where that cannot be, with `MachineLost` where QEMU ends meanwhile.
 */
export async function restoreMachine(options: RestoreOptions): Promise<VirtualMachine> {
  options.signal.throwIfAborted();
  const chain = readChain(options.chain);
  const top = chain.at(-1) ?? chain[0];
  const present = await identify(options);
  for (const { record } of chain) {
    const difference = identityDifference(record.identity, present);
    if (difference !== null) throw new StateUnusable(`${top.directory} was saved by another machine: ${difference}`);
  }
  if (options.memory && options.memory.level !== top.digest) throw new Error('flattened memory of another chain');
  const levels = options.memory ? [] : await openLevels(chain);
  const verified = Promise.all([verifyDisks(chain), levels[0] && verifyImage(levels[0])]);
  verified.catch(() => {});
  let subject: Subject | null = null;
  // While QEMU starts.
  const loader = new MemoryLoader();
  const read = levels.length === 0 ? null : readLevels(levels, loader);
  read?.catch(() => {});
  try {
    const memoryImage =
      options.memory?.path ?? imagePath(chain[0]) ?? (await emptyImage(options.directory, options.memoryBytes));
    subject = await start(options, {
      // The counter's rate is what the guest was told when it booted.
      identity: { ...present, facts: chain[0].record.identity.facts },
      disks: chain.flatMap(({ directory, record }) => record.disks.map((name) => join(directory, name))),
      memoryImage,
      incoming: 'restore',
    });
    const digests = await loadMemory(subject, { loader, read, memoryImage });
    await loadDevices(subject, await savedState(top));
    await verified;
    await subject.qmp.run('cont');
    return new VirtualMachine(subject, { parent: top.digest, digests });
  } catch (error) {
    loader.abandon();
    subject?.process.kill();
    await subject?.process.gone;
    options.signal.throwIfAborted();
    // A damaged file explains best why QEMU has ended.
    await verified;
    throw error;
  }
}

async function loadMemory(
  subject: Subject,
  options: {
    readonly loader: MemoryLoader;
    /** What is known of each page when all has been read; null where the image is all. */
    readonly read: Promise<PageDigests> | null;
    readonly memoryImage: string;
  },
): Promise<PageDigests> {
  using memory = GuestMemory.open(subject.process.pid, subject.identity.facts.memoryBytes);
  // What QEMU wrote itself before it was told of a state to be loaded is not what was saved.
  const image = openSync(options.memoryImage, 'r');
  try {
    for (const [first, count] of memory.privateRuns()) {
      const bytes = Buffer.alloc(count * pageBytes);
      readSync(image, bytes, 0, bytes.length, first * pageBytes);
      memory.write(first, bytes);
    }
  } finally {
    closeSync(image);
  }
  if (options.read === null) return new PageDigests(memory.pages);
  options.loader.attach(memory);
  return await options.read;
}

const zeros = Buffer.alloc(2 ** 20);
/** What may wait for a machine to be there. */
const waitingBytes = 64 * 2 ** 20;

/** Writes pages to a machine's memory, and keeps those that come before there is one. */
class MemoryLoader implements PageTaker {
  #memory: GuestMemory | null = null;
  #waiting: (readonly [first: number, content: Buffer | number])[] = [];
  #bytes = 0;
  readonly #attached = Promise.withResolvers<void>();

  take(first: number, content: Buffer | number): void {
    if (this.#memory !== null) return write(this.#memory, first, content);
    this.#waiting.push([first, content]);
    if (typeof content !== 'number') this.#bytes += content.length;
  }

  room(): Promise<void> | null {
    return this.#memory === null && this.#bytes > waitingBytes ? this.#attached.promise : null;
  }

  attach(memory: GuestMemory): void {
    for (const [first, content] of this.#waiting) write(memory, first, content);
    this.#waiting = [];
    this.#memory = memory;
    this.#attached.resolve();
  }

  /** There will be no machine. */
  abandon(): void {
    this.#waiting = [];
    this.#attached.promise.catch(() => {});
    this.#attached.reject(new Error('there is no machine to be loaded'));
  }
}

function write(memory: GuestMemory, first: number, content: Buffer | number): void {
  if (typeof content !== 'number') return memory.write(first, content);
  const most = zeros.length / pageBytes;
  for (let page = first; page < first + content; page += most) {
    memory.write(page, zeros.subarray(0, Math.min(first + content - page, most) * pageBytes));
  }
}

async function savedState(top: Level): Promise<Buffer> {
  const record = top.record.files['state'];
  if (record === undefined) throw damaged(top.directory, 'machine.json');
  return await readSaved(top.directory, 'state', record);
}

/** Feeds QEMU the devices' state: to it, a migration that comes in. */
async function loadDevices({ qmp, process }: Subject, state: Buffer): Promise<void> {
  await qmp.run('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
  const completed = qmp.event('MIGRATION', ({ status }) => status === 'completed');
  // Where QEMU ends meanwhile, each command says so itself.
  completed.catch(() => {});
  await qmp.run('migrate-incoming', { uri: `fd:${channelDescriptors.incoming}` });
  process.incoming.end(state);
  await completed;
}
