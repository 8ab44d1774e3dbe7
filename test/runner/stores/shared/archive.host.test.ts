import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packDirectory, unpackInto } from '../../../../src/runner/stores/shared/archive.ts';
import { scratch } from '../../../support/scratch.ts';

const signal = AbortSignal.timeout(60_000);

test('whiteouts, opaque marks, owners and odd names come back; the same content is the same bytes', async () => {
  const from = join(scratch(), 'layer');
  mkdirSync(join(from, 'opaque'), { recursive: true });
  writeFileSync(join(from, 'opaque', 'a file\nof two lines'), 'content', { mode: 0o640 });
  execFileSync('mknod', [join(from, 'gone'), 'c', '0', '0']);
  execFileSync('python3', [
    '-c',
    'import os,sys; os.setxattr(sys.argv[1], "trusted.overlay.opaque", b"y")',
    join(from, 'opaque'),
  ]);
  const pack = (name: string) => packDirectory(from, { path: join(scratch(), name), pieceBytes: 100, signal });
  const [one, two] = [await pack('one'), await pack('two')];
  expect(one.digest).toBe(two.digest);
  expect(one.pieces.length).toBeGreaterThan(1);
  // Many at once: tar may be done before all that pads an archive is written.
  const all = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const to = join(scratch(), 'layer');
      expect(await unpackInto(to, { pieces: [one.path], signal })).toBe(null);
      return to;
    }),
  );
  const [to = ''] = all;
  expect(statSync(join(to, 'gone')).isCharacterDevice()).toBe(true);
  expect(readFileSync(join(to, 'opaque', 'a file\nof two lines'), 'utf8')).toBe('content');
  const mark = 'import os,sys; print(os.getxattr(sys.argv[1], "trusted.overlay.opaque").decode(), end="")';
  expect(execFileSync('python3', ['-c', mark, join(to, 'opaque')], { encoding: 'utf8' })).toBe('y');
});

test('an archive that is cut, and one with a device, leave nothing', async () => {
  const from = join(scratch(), 'layer');
  mkdirSync(from);
  execFileSync('mknod', [join(from, 'disk'), 'b', '7', '0']);
  const archive = await packDirectory(from, { path: join(scratch(), 'archive'), pieceBytes: Infinity, signal });
  const to = join(scratch(), 'layer');
  expect(await unpackInto(to, { pieces: [archive.path], signal })).toContain('device');
  writeFileSync(archive.path, readFileSync(archive.path).subarray(0, 40));
  expect(await unpackInto(to, { pieces: [archive.path], signal })).not.toBe(null);
  expect([existsSync(to), existsSync(`${to}.part`)]).toEqual([false, false]);
});
