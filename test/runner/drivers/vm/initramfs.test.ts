import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { buildInitramfs } from '../../../../src/runner/drivers/vm/initramfs.ts';

/** Names, modes and contents, as cpio(5) lays them out; throws where the bytes do not follow it. */
function entries(archive: Buffer): readonly string[] {
  const found: string[] = [];
  for (let at = 0; ;) {
    expect(archive.toString('latin1', at, at + 6)).toBe('070701');
    const number = (field: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + 8 * field, at + 14 + 8 * field), 16);
    const nameEnd = at + 110 + number(11);
    const name = archive.toString('utf8', at + 110, nameEnd - 1);
    const from = (nameEnd + 3) & ~3;
    if (name === 'TRAILER!!!') return found;
    found.push(`${number(1).toString(8)} ${name} ${archive.toString('utf8', from, from + number(6))}`);
    at = (from + number(6) + 3) & ~3;
  }
}

test('holds files below the directories that lead to them, the same bytes for the same files', () => {
  const files = [
    { path: 'init', mode: 0o755, content: Buffer.from('#!') },
    { path: 'a/b/file', mode: 0o644, content: Buffer.from('12345') },
    { path: 'a/empty', mode: 0o600, content: Buffer.alloc(0) },
  ];
  const archive = buildInitramfs(files);
  expect(entries(gunzipSync(archive))).toEqual([
    '40755 a ',
    '40755 a/b ',
    '100755 init #!',
    '100644 a/b/file 12345',
    '100600 a/empty ',
  ]);
  expect(buildInitramfs(files)).toEqual(archive);
});
