import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BaseMachine } from '../../driver.ts';
import { artifact } from './artifact.ts';
import { prepareAgent } from './compile.ts';
import { prepareDisk } from './disk.ts';
import { buildInitramfs } from './initramfs.ts';
import type { Kernel } from './kernel.ts';
import { modulesFor, prepareKernel, readModules } from './kernel.ts';
import { moduleIndex } from './module-index.ts';

/** What the agent needs before it has the disk; everything else is loaded from there when it is asked for. */
const earlyModules: readonly string[] = [
  'virtio_mmio',
  'virtio_pci',
  'virtio_blk',
  'virtio_console',
  'virtio_rng',
  'virtio_net',
  'fuse',
  'overlay',
];

/** What a guest boots from; absolute paths of files that are never written again. */
export interface Guest {
  readonly kernel: Kernel;
  readonly initramfs: string;
  readonly disk: string;
}

/**
 * Makes ready, or finds, what a machine on this base boots from. `directory` is shared by all machines and processes (`<store>/bases/guests`). Throws
 * a `ProgramFailed` with the remedy where a tool or package is missing.
 */
export async function prepareGuest(
  options: { readonly directory: string; readonly base: BaseMachine; readonly diskBytes: number },
  signal: AbortSignal,
): Promise<Guest> {
  const { directory, base, diskBytes } = options;
  const kernel = await prepareKernel(directory, signal);
  const initramfs = await prepareInitramfs({ directory, kernel }, signal);
  const disk = await prepareDisk({ directory, base, kernel, sizeBytes: diskBytes }, signal);
  return { kernel, initramfs, disk };
}

/** The first root of a guest: the agent as `/init`, and the modules that it needs at once. */
async function prepareInitramfs(
  options: { readonly directory: string; readonly kernel: Kernel },
  signal: AbortSignal,
): Promise<string> {
  const { directory, kernel } = options;
  const agent = await readFile(await prepareAgent(directory, signal));
  const known = await readModules(kernel);
  const modules = modulesFor(known, earlyModules);
  const index = await moduleIndex(kernel, known, modules);
  const digest = createHash('sha256').update(agent).update([kernel.version, index].join('\0')).digest('hex');
  return artifact(join(directory, 'initramfs', digest), async (staged) => {
    const files = await Promise.all(
      modules.map(async (path) => ({
        path: `modules/${path}`,
        mode: 0o644,
        content: await readFile(join(kernel.modules, path)),
      })),
    );
    const init = { path: 'init', mode: 0o755, content: agent };
    // The kernel asks /sbin/modprobe for what it lacks.
    const modprobe = { path: 'sbin/modprobe', mode: 0o755, content: agent };
    const archive = buildInitramfs([
      init,
      modprobe,
      { path: 'modules.index', mode: 0o644, content: Buffer.from(index) },
      ...files,
    ]);
    await writeFile(staged, archive);
  });
}
