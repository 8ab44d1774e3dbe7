import { chmodSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layerIn } from '../../support/fake-host.ts';
import { scratch } from '../../support/scratch.ts';

const tidy = 'FROM vm/debian:12\nRUN make\n';
const untidy = '\n\n  FROM   vm/debian:12  \r\nRUN make';

describe('layer fmt', () => {
  test('rewrites what is laid out differently, and only that', async () => {
    const root = scratch({ 'a/Layerfile': tidy, 'b/Layerfile': untidy });
    chmodSync(join(root, 'b/Layerfile'), 0o640);
    const before = statSync(join(root, 'a/Layerfile'));
    expect(await layerIn(root, 'fmt')).toEqual({
      code: 0,
      out: 'laid out: b/Layerfile\n2 Layerfiles: 1 laid out\n',
      error: '',
    });
    expect(readFileSync(join(root, 'b/Layerfile'), 'utf8')).toBe(tidy);
    expect(statSync(join(root, 'b/Layerfile')).mode & 0o777).toBe(0o640);
    expect(statSync(join(root, 'a/Layerfile'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs });
    expect(await layerIn(root, 'fmt')).toEqual({ code: 0, out: '2 Layerfiles: nothing to do\n', error: '' });
  });

  test('writes nothing with --check, and ends with 2', async () => {
    const root = scratch({ 'a/Layerfile': tidy, 'b/Layerfile': untidy });
    expect(await layerIn(join(root, 'a'), 'fmt', '--check', '../b')).toMatchObject({ code: 2 });
    expect(await layerIn(root, 'fmt', '--check')).toEqual({
      code: 2,
      out: 'not laid out: b/Layerfile\n2 Layerfiles: 1 would be laid out differently\n',
      error: '',
    });
    expect(readFileSync(join(root, 'b/Layerfile'), 'utf8')).toBe(untidy);
    expect(await layerIn(root, 'fmt', '--check', 'a')).toMatchObject({ code: 0 });
  });

  test('lays out the rest where a file cannot be read', async () => {
    const root = scratch({ 'a/Layerfile/x': '', 'b/Layerfile': untidy, 'c/Layerfile': Buffer.from([0xff]) });
    const { code, out, error } = await layerIn(root, 'fmt');
    expect(code).toBe(2);
    expect(out).toBe('laid out: b/Layerfile\n1 Layerfile: 1 laid out\n');
    expect(error).toContain('error[file/is-directory]');
    expect(error).toContain('error[file/not-utf8]');
    expect(readFileSync(join(root, 'c/Layerfile'))).toEqual(Buffer.from([0xff]));
  });

  test('knows nothing to do from nothing there', async () => {
    expect(await layerIn(scratch(), 'fmt')).toMatchObject({
      code: 2,
      out: '',
      error: expect.stringContaining('file/none'),
    });
    expect(await layerIn(scratch({ 'a/Layerfile': tidy }), 'fmt', 'b')).toMatchObject({
      code: 64,
      out: '',
      error: expect.stringContaining('there is no Layerfile at b'),
    });
  });
});
