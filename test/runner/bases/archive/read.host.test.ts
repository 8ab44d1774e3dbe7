import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sniffCompression } from '../../../../src/runner/bases/archive/read.ts';
import { readLayers, writeTree } from '../../../../src/runner/bases/archive/unpack.ts';
import { BaseError } from '../../../../src/runner/bases/failure.ts';
import { runProgram } from '../../../../src/runner/bases/program.ts';
import { scratch } from '../../../support/scratch.ts';
import { tarOf } from '../support/push.ts';

const env = process.env as Record<string, string>;
const { signal } = new AbortController();

const layer = (path: string) => ({ file: { what: 'the archive', path, env }, diffId: null });

/** Unpacks archives on top of each other, with the tar of this host. */
async function unpack(paths: readonly string[], into: string): Promise<void> {
  const layers = paths.map(layer);
  const tree = await readLayers({ layers, signal });
  await runProgram(
    [
      'tar',
      '--extract',
      `--directory=${into}`,
      '--numeric-owner',
      '--same-owner',
      '--preserve-permissions',
      '--xattrs',
      '--xattrs-include=*',
    ],
    {
      what: 'tar',
      remedy: '',
      env,
      signal,
      writeStdin: (out) => writeTree({ tree, layers, out, written: () => {}, signal }),
    },
  );
}

const list = (directory: string): string =>
  execFileSync('find', ['.', '-printf', '%P %y %m %U:%G %s %l %n %T@\n'], { cwd: directory, encoding: 'utf8' })
    .split('\n')
    .filter((line) => !/^ | d /.test(line))
    .sort()
    .join('\n');

describe('an archive of GNU tar', () => {
  it('comes out as it went in: modes, owners, links, long names, capabilities', async () => {
    const from = scratch({
      'a/file': 'content',
      'a/b/link': { link: '../file' },
      'empty/': '',
      [`long/${'n'.repeat(200)}`]: 'x',
      'Főtanúsítvány ⚷': 'y',
    });
    execFileSync(
      'bash',
      [
        '-ec',
        'ln a/file a/hard; chmod 4755 a/file; touch -d 2011-02-03 a/file; chown 1234:70000 empty "Főtanúsítvány ⚷"; mkdir -m 0700 secret; cp a/b/link secret -P; cp /bin/true ping; setcap cap_net_raw+ep ping; ln a/b/link a/hardlink-of-link',
      ],
      { cwd: from },
    );
    const [archive, into] = [join(scratch(), 'x.tar'), scratch()];
    execFileSync(
      'tar',
      [
        '--create',
        '--xattrs',
        '--xattrs-include=*',
        '--format=posix',
        '--pax-option=delete=atime,delete=ctime,delete=mtime',
        `--file=${archive}`,
        '.',
      ],
      { cwd: from },
    );
    await unpack([archive], into);
    execFileSync('diff', ['--recursive', '--no-dereference', from, into]);
    // A tar holds whole seconds here, and a second name of a link becomes a link of its own.
    const wholeSeconds = (text: string): string =>
      text.replace(/\.[0-9]+$/gm, '').replace(/( l 777 .*) [0-9]+( [0-9]+)$/gm, '$1$2');
    expect(wholeSeconds(list(into))).toBe(wholeSeconds(list(from)));
    expect(execFileSync('getcap', ['ping'], { cwd: into, encoding: 'utf8' }).trim()).toBe('ping cap_net_raw=ep');
  });

  it('may be compressed with gzip, zstd or xz, in several parts', async () => {
    const bytes = await tarOf([{ path: 'x', text: 'z'.repeat(100_000) }]);
    const half = bytes.subarray(0, 40_000);
    const rest = bytes.subarray(40_000);
    const directory = scratch();
    const path = (name: string): string => join(directory, name);
    writeFileSync(path('gzip'), Buffer.concat([gzipSync(half), gzipSync(rest)]));
    writeFileSync(path('zstd'), Buffer.concat([zstdCompressSync(half), zstdCompressSync(rest)]));
    writeFileSync(path('xz'), execFileSync('xz', ['--stdout'], { input: bytes }));
    writeFileSync(path('none'), bytes);
    for (const name of ['gzip', 'zstd', 'xz', 'none'] as const) {
      expect(sniffCompression(readFileSync(path(name)))).toBe(name);
      const into = scratch();
      await unpack([path(name)], into);
      expect(statSync(join(into, 'x')).size).toBe(100_000);
    }
  });

  it.each([
    ['cut short', async () => (await tarOf([{ path: 'x', text: 'z'.repeat(5000) }])).subarray(0, 3000)],
    ['cut short, compressed', async () => gzipSync(await tarOf([{ path: 'x', text: 'abc' }])).subarray(0, 60)],
    ['no archive', async () => Buffer.from('this is a text, and a long one: '.repeat(100))],
    ['a broken zstd', async () => Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3, 4])],
    ['a broken xz', async () => Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 1, 2, 3])],
  ])('that is %s is named', async (_, bytes) => {
    const path = join(scratch(), 'x');
    writeFileSync(path, await bytes());
    const error: unknown = await readLayers({ layers: [layer(path)], signal }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BaseError);
    expect((error as BaseError).failure).toMatchObject({ kind: 'malformed', what: 'the archive' });
  });
});
