import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../../', import.meta.url));
let built: string | null = null;

/**
 * The command line as a bundle, which starts in a third of the time that the sources take: `LAYER_PROGRAM`, else built into `directory`; without one,
 * once by this process, into a directory that goes with it, or with whoever builds next where it was killed.
 */
export function layerProgram(directory: string | null = null): string {
  const given = process.env['LAYER_PROGRAM'];
  if (given !== undefined) return given;
  if (directory !== null) return buildProgram(sources, directory);
  built ??= buildProgram(sources, ownDirectory());
  return built;
}

/** Bundles the sources at `root` into `directory`; the path of the program. */
export function buildProgram(root: string, directory: string): string {
  execFileSync(process.execPath, [join(root, '.ci/build.ts'), directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  return join(directory, 'layer.js');
}

function ownDirectory(): string {
  for (const name of readdirSync(tmpdir())) {
    const owner = /^layer-program-(\d+)-/.exec(name)?.[1];
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
  const directory = mkdtempSync(join(tmpdir(), `layer-program-${process.pid}-`));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
