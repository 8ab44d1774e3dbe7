import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BaseMachine } from '../../driver.ts';
import { artifact } from './artifact.ts';
import type { Kernel } from './kernel.ts';
import { onPath, program, ProgramFailed } from './program.ts';

/** Changes whenever the same base would give another disk. */
const format = 1;

/**
 * The disk of a base machine: an ext4 file system with the base below `machine/` and the kernel's modules below `modules/`, as a qcow2 image of
 * `sizeBytes` of which only what is used takes room. Made once for each base and kernel, below `directory`, which is best on the base's own file
 * system. Its path.
 */
export async function prepareDisk(
  options: {
    readonly directory: string;
    readonly base: BaseMachine;
    readonly kernel: Kernel;
    readonly sizeBytes: number;
  },
  signal: AbortSignal,
): Promise<string> {
  const { base, kernel } = options;
  const name = createHash('sha256')
    .update([format, base.digest, kernel.version, options.sizeBytes].join('\0'))
    .digest('hex');
  for (const [tool, from] of [
    ['mke2fs', 'e2fsprogs'],
    ['qemu-img', 'qemu-utils'],
  ] as const) {
    if (!(await onPath(tool))) throw new ProgramFailed(`${tool} is missing: apt install ${from}`);
  }
  return artifact(join(options.directory, 'disks', `${name}.qcow2`), async (staged) => {
    const tree = `${staged}.tree`;
    const raw = `${staged}.raw`;
    try {
      await mkdir(tree);
      await copyTree(base.root, join(tree, 'machine'), signal);
      await copyTree(kernel.modules, join(tree, 'modules'), signal);
      await program(['truncate', '-s', String(options.sizeBytes), raw], { signal });
      // Nothing waits for the journal: a machine that is lost is lost, and a snapshot holds memory and disk together.
      const features = ['-t', 'ext4', '-O', '^has_journal', '-m', '0', '-E', 'lazy_itable_init=1,nodiscard'];
      await program(['mke2fs', '-q', '-F', ...features, '-d', tree, raw], { signal });
      await program(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, staged], { signal });
    } finally {
      await rm(tree, { recursive: true, force: true });
      await rm(raw, { force: true });
    }
  });
}

/** By hard links where both are on one file system. */
async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  try {
    await program(['cp', '-al', '--', from, to], { signal });
  } catch (error) {
    if (!(error instanceof ProgramFailed)) throw error;
    await rm(to, { recursive: true, force: true });
    await program(['cp', '-a', '--reflink=auto', '--', from, to], { signal });
  }
}
