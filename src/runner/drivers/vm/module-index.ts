import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Kernel, Modules } from './kernel.ts';
import { modulesFor } from './kernel.ts';

/** Where the guest's disk has the kernel's modules. */
const onDisk = '/disk/modules';

/**
 * What the agent loads modules by, a line each: a pattern (fnmatch(3)) for what the kernel asks for, then the files to load, in this order. `early`: what the
 * agent loads from its first root before it has a disk. Made of modules.dep and modules.alias; aliases of buses, by which devices are found, are left out:
 * a guest's devices are known.
 */
export async function moduleIndex(kernel: Kernel, modules: Modules, early: readonly string[]): Promise<string> {
  const lines = [`early ${early.map((path) => `/modules/${path}`).join(' ')}`];
  const filesOf = new Map<string, string>();
  for (const name of modules.paths.keys()) {
    const files = modulesFor(modules, [name])
      .map((file) => `${onDisk}/${file}`)
      .join(' ');
    filesOf.set(name, files);
    lines.push(`${name.replaceAll('_', '[-_]')} ${files}`);
  }
  for (const line of (await readFile(join(kernel.modules, 'modules.alias'), 'utf8')).split('\n')) {
    const [word, pattern = '', name = ''] = line.split(' ');
    const files = filesOf.get(name);
    if (word === 'alias' && !pattern.includes(':') && files !== undefined) lines.push(`${pattern} ${files}`);
  }
  return `${lines.join('\n')}\n`;
}
