import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../../', import.meta.url));

/** The command line as a bundle, which starts in a third of the time that the sources take: `LAYER_PROGRAM`, else built into `directory`. */
export function layerProgram(directory: string): string {
  return process.env['LAYER_PROGRAM'] ?? buildProgram(sources, directory);
}

/** Bundles the sources at `root` into `directory`; the path of the program. */
export function buildProgram(root: string, directory: string): string {
  execFileSync(process.execPath, [join(root, '.ci/build.ts'), directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  return join(directory, 'layer.js');
}
