// How long base machines take to make, and how big they are: Debian from its archive, then the same root as a directory and as a tarball.
// node bench/bases.ts [vm/debian:12 …]      needs root, mmdebstrap and Debian's archive
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BaseSource } from '../src/ir/ir.ts';
import { describeBaseFailure } from '../src/runner/bases/failure.ts';
import { prepareBase } from '../src/runner/bases/prepare.ts';
import { testBaseHost } from '../test/support/base-machine.ts';

const names = process.argv.length > 2 ? process.argv.slice(2) : ['vm/debian:12'];
const scratch = mkdtempSync(join(tmpdir(), 'layer-bench-bases-'));
const host = testBaseHost(join(scratch, 'bases'));

try {
  for (const name of names) {
    const root = await time(name, name, { kind: 'known' });
    await time('  known already', name, { kind: 'known' });
    await time('  the same as a directory', `${name}-directory`, { kind: 'directory', path: root });
    const path = join(scratch, 'root.tar.zst');
    execFileSync('tar', ['--create', '--zstd', `--file=${path}`, `--directory=${root}`, '.']);
    await time('  the same as a tarball (zstd)', `${name}-tarball`, { kind: 'tarball', path });
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Makes a base machine and prints what it cost; its root. */
async function time(title: string, name: string, source: BaseSource): Promise<string> {
  const started = performance.now();
  const prepared = await prepareBase({
    name,
    source,
    refresh: { kind: 'never' },
    host,
    progress: () => {},
    signal: new AbortController().signal,
  });
  if (prepared.kind === 'failed') throw new Error(describeBaseFailure(prepared.failure));
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  const [megabytes = ''] = execFileSync('du', ['-sm', prepared.base.root], { encoding: 'utf8' }).split('\t');
  console.log(
    `${title.padEnd(32)} ${seconds.padStart(7)} s  ${megabytes.padStart(5)} MB  ${prepared.base.digest.slice(0, 19)}`,
  );
  return prepared.base.root;
}
