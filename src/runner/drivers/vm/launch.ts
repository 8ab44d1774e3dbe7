import { chownSync, closeSync, constants, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { MachineFacts } from './arguments.ts';
import { liveImage, qemuArguments } from './arguments.ts';
import type { QemuProcess, QemuUser } from './process.ts';
import { channelDescriptors, firstFileDescriptor, startQemu } from './process.ts';
import { emptyQcow2, readQcow2Header } from './qcow2.ts';
import { MachineLost, StateUnusable } from '../../driver.ts';

/** A file that machines are booted from, immutable. */
export interface BootFile {
  readonly path: string;
  /** Of its content; whoever made it says so. */
  readonly digest: string;
}

export interface DiskFile extends BootFile {
  readonly format: 'qcow2' | 'raw';
}

/** What the machines of one base are booted from, or loaded into. */
export interface BootFiles {
  readonly kernel: BootFile;
  readonly initramfs: BootFile;
  readonly disk: DiskFile;
}

/** A QEMU that was just started. */
export interface Launched {
  readonly process: QemuProcess;
  readonly user: QemuUser | null;
  readonly virtualBytes: number;
}

/**
 * Starts QEMU in `directory`, which is empty, and becomes its alone. `memoryImage` is exactly as long as the guest's memory; it is mapped privately and
 * never written. Throws `StateUnusable` where an image is none of ours.
 */
export function launch(options: {
  readonly program: string;
  readonly files: BootFiles;
  /** Paths of qcow2 images above the base disk, from the bottom up. */
  readonly disks: readonly string[];
  readonly memoryImage: string;
  readonly facts: MachineFacts;
  readonly directory: string;
  readonly network: 'outward' | 'none';
  readonly incoming: 'boot' | 'restore';
  readonly enter: readonly string[];
}): Launched {
  const { files, facts } = options;
  const images = [{ path: files.disk.path, format: files.disk.format }].concat(
    options.disks.map((path) => ({ path, format: 'qcow2' as const })),
  );
  using opened = new Descriptors();
  const disks = images.map(({ path }) => opened.open(path));
  // The image is mapped from a descriptor that could write, since this QEMU opens it so; the mapping itself never does.
  const booted = options.incoming === 'boot' ? [files.kernel.path, files.initramfs.path] : [];
  const others = [options.memoryImage, ...booted].map((path) => opened.open(path));
  const virtualBytes = sizeOfDisk(disks[0] ?? -1, files.disk);
  for (const [n, { path, format }] of images.entries()) {
    if (format === 'qcow2' && readHeader(disks[n] ?? -1) === null)
      throw new StateUnusable(`${path} is no image of ours`);
  }
  const user = chooseUser(facts);
  const live = join(options.directory, liveImage(0));
  writeFileSync(live, emptyQcow2(virtualBytes), { mode: 0o600, flag: 'wx' });
  for (const path of [live, options.directory]) if (user) chownSync(path, user.uid, user.uid);
  const descriptors = [...others, ...disks];
  const numbers = descriptors.map((_, n) => firstFileDescriptor + n);
  const [memory = 0, kernel = 0, initramfs = 0] = numbers;
  const inheritedDisks = numbers.slice(others.length);
  const args = qemuArguments({
    facts,
    inherited: {
      ...channelDescriptors,
      boot: options.incoming === 'boot' ? { kernel, initramfs } : null,
      memory,
      disks: inheritedDisks.map((descriptor, n) => ({ descriptor, format: images[n]?.format ?? 'qcow2' })),
    },
    network: options.network,
  });
  const { program, directory, enter } = options;
  return { process: startQemu({ program, args, directory, files: descriptors, user, enter }), user, virtualBytes };
}

/** Descriptors that are open until QEMU has its own. */
class Descriptors implements Disposable {
  readonly #open: number[] = [];

  open(path: string): number {
    const descriptor = openSync(path, constants.O_RDONLY);
    this.#open.push(descriptor);
    return descriptor;
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#open) closeSync(descriptor);
  }
}

/** Nobody else's id, where root need not be; each machine has another, so that none can touch its sibling. */
function chooseUser(facts: MachineFacts): QemuUser | null {
  if (process.getuid?.() !== 0) return null;
  const uid = 0x7100_0000 + randomInt(0x00ff_ffff);
  if (facts.accelerator === 'tcg') return { uid, groups: [] };
  const { mode, gid } = statSync('/dev/kvm');
  if ((mode & 0o006) === 0o006) return { uid, groups: [] };
  // Where nobody but root may use it, QEMU stays root, with no capability.
  return (mode & 0o060) === 0o060 ? { uid, groups: [gid] } : { uid: 0, groups: [] };
}

function sizeOfDisk(descriptor: number, disk: DiskFile): number {
  if (disk.format === 'raw') return statSync(disk.path).size;
  const header = readHeader(descriptor);
  if (header === null) throw new MachineLost(`${disk.path} is no qcow2 image that can be a base's disk`);
  return header.virtualBytes;
}

function readHeader(descriptor: number): ReturnType<typeof readQcow2Header> {
  const header = Buffer.alloc(512);
  readSync(descriptor, header, 0, header.length, 0);
  return readQcow2Header(header);
}
