import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Compiles one of the readers beside this file with the host's gcc, to run on any machine of its architecture: `raw` links no library at all. */
export function compileReader(name: 'raw' | 'ring'): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'layer-reader-'));
  try {
    const options = name === 'raw' ? ['-nostdlib', '-fno-stack-protector'] : [];
    const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
    execFileSync('gcc', ['-O1', '-static', ...options, '-o', join(directory, name), source], { stdio: 'inherit' });
    return readFileSync(join(directory, name));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
