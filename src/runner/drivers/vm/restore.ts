import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { GuestMemory } from './guest-memory.ts';
import { identityDifference } from './identity.ts';
import type { ReadRecord } from './machine-record.ts';
import { readRecord } from './machine-record.ts';
import { emptyImage } from './memory-image.ts';
import type { MemoryLevel } from './memory-reader.ts';
import { openLevel, readLevels } from './memory-reader.ts';
import { channelDescriptors } from './process.ts';
import { pageBytes } from './page-index.ts';
import type { PageDigests } from './page-digests.ts';
import { damaged, openSaved, readSaved, UnusableState, verifySaved } from './saved-file.ts';
import type { Subject } from './snapshot.ts';
import { identify, start } from './start.ts';
import type { MachineOptions } from './virtual-machine.ts';
import { VirtualMachine } from './virtual-machine.ts';

export interface RestoreOptions extends MachineOptions {
  /** Directories of a machine's levels, the oldest first. */
  readonly chain: readonly string[];
}

/** A machine as it was when the last level of its chain was saved, but running; or, for a person, why that chain cannot be loaded. */
export type Restored =
  { readonly kind: 'machine'; readonly machine: VirtualMachine } | { readonly kind: 'unusable'; readonly why: string };

/** A level of a chain whose record has been read. */
interface Level extends ReadRecord {
  readonly directory: string;
}

/**
 * Loads a saved machine into a new QEMU and lets it run; every file of its chain has been compared with its recorded digest by then. Rejects with
 * `MachineLost` where QEMU ends meanwhile.
 */
export async function restoreMachine(options: RestoreOptions): Promise<Restored> {
  options.signal.throwIfAborted();
  try {
    return { kind: 'machine', machine: await load(options) };
  } catch (error) {
    if (error instanceof UnusableState) return { kind: 'unusable', why: error.message };
    throw error;
  }
}

async function load(options: RestoreOptions): Promise<VirtualMachine> {
  const chain = readChain(options.chain);
  const identity = await identify(options);
  for (const { record } of chain) {
    const difference = identityDifference(record.identity, identity);
    if (difference !== null) throw new UnusableState(`it was saved by another machine: ${difference}`);
  }
  const top = chain.at(-1);
  const bottom = chain[0];
  if (top === undefined || bottom === undefined) throw new Error('a chain has at least one level');
  // The rate that the guest was told when it booted.
  const present = { ...identity, facts: bottom.record.identity.facts };
  const memoryImage = await imageOf(bottom, options);
  const disks = chain.flatMap(({ directory, record }) => record.disks.map((name) => join(directory, name)));
  const subject = await start(options, { identity: present, disks, memoryImage, incoming: 'restore' });
  try {
    const verified = verifyFiles(chain);
    verified.catch(() => {});
    const levels: MemoryLevel[] = [];
    for (const { directory, record } of chain) levels.push(await openLevel(directory, record));
    const digests = await loadMemory(subject, { levels, memoryImage });
    await loadDevices(subject, await savedState(top));
    await verified;
    await subject.qmp.run('cont');
    return new VirtualMachine(subject, { parent: top.digest, digests });
  } catch (error) {
    subject.process.kill();
    await subject.process.gone;
    options.signal.throwIfAborted();
    throw error;
  }
}

function readChain(directories: readonly string[]): readonly Level[] {
  const levels: Level[] = [];
  for (const directory of directories) {
    const read = readRecord(directory);
    if (read === null) throw new UnusableState(`${directory} holds no whole record of a machine`);
    const below = levels.at(-1)?.digest ?? null;
    if (read.record.parent !== below) throw new UnusableState(`${directory} was not saved above the level before it`);
    levels.push({ ...read, directory });
  }
  return levels;
}

/** The file that the machine's memory is mapped from. */
async function imageOf(bottom: Level, options: RestoreOptions): Promise<string> {
  if ('image' in bottom.record.files) return join(bottom.directory, 'image');
  return await emptyImage(options.directory, options.memoryBytes);
}

/** Compares what QEMU has opened by itself with its digest: disks and memory image. What we read ourselves is compared where it is read. */
async function verifyFiles(chain: readonly Level[]): Promise<void> {
  const work: Promise<void>[] = [];
  for (const { directory, record } of chain) {
    for (const [name, recorded] of Object.entries(record.files)) {
      if (record.disks.includes(name)) work.push(verify(directory, name, recorded));
    }
  }
  await Promise.all(work);
}

async function verify(directory: string, name: string, record: { readonly bytes: number; readonly sha256: string }) {
  const file = await openSaved(directory, name, record);
  try {
    await verifySaved({ file, directory, name, record });
  } finally {
    await file.close();
  }
}

async function loadMemory(
  subject: Subject,
  options: { readonly levels: readonly MemoryLevel[]; readonly memoryImage: string },
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
  const zeros = Buffer.alloc(zeroBytes);
  return await readLevels(options.levels, (first, content) => {
    if (typeof content !== 'number') return memory.write(first, content);
    for (let page = first; page < first + content; page += zeroBytes / pageBytes) {
      const count = Math.min(first + content - page, zeroBytes / pageBytes);
      memory.write(page, zeros.subarray(0, count * pageBytes));
    }
  });
}

const zeroBytes = 2 ** 20;

async function savedState(top: Level): Promise<Buffer> {
  const record = top.record.files['state'];
  if (record === undefined) throw damaged(top.directory, 'machine.json');
  return await readSaved(top.directory, 'state', record);
}

/** Feeds QEMU the devices' state: to it, a migration that comes in. */
async function loadDevices({ qmp, process }: Subject, state: Buffer): Promise<void> {
  await qmp.run('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
  const completed = qmp.event('MIGRATION', ({ status }) => status === 'completed');
  await qmp.run('migrate-incoming', { uri: `fd:${channelDescriptors.incoming}` });
  process.incoming.end(state);
  await completed;
}
