import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { emptyQcow2, readQcow2Header } from '../../../../src/runner/drivers/vm/qcow2.ts';

describe('an empty qcow2 image', () => {
  const directory = mkdtempSync(join(tmpdir(), 'layer-qcow2-test-'));
  const path = join(directory, 'image');
  afterAll(() => rmSync(directory, { recursive: true }));

  it.each([2 ** 20, 8 * 2 ** 30, 2 ** 40 + 512])('of %i bytes is one to qemu-img, without a fault', (virtualBytes) => {
    writeFileSync(path, emptyQcow2(virtualBytes));
    execFileSync('qemu-img', ['check', '-q', '-f', 'qcow2', path]);
    const info: unknown = JSON.parse(
      execFileSync('qemu-img', ['info', '-f', 'qcow2', '--output=json', path], { encoding: 'utf8' }),
    );
    expect(info).toMatchObject({ 'virtual-size': virtualBytes, 'dirty-flag': false });
    expect(info).not.toHaveProperty('backing-filename');
    expect(readQcow2Header(readFileSync(path))).toEqual({ virtualBytes });
  });

  it('of others that names further files is none of ours', () => {
    writeFileSync(join(directory, 'below'), '');
    const create = (...args: readonly string[]): unknown => {
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', ...args]);
      return readQcow2Header(readFileSync(path));
    };
    expect(create(path, '1M')).toEqual({ virtualBytes: 2 ** 20 });
    expect(create('-u', '-F', 'raw', '-b', '/etc/passwd', path, '1M')).toBeNull();
    expect(create('-o', `data_file=${join(directory, 'data')},data_file_raw=on`, path, '1M')).toBeNull();
    expect(readQcow2Header(Buffer.alloc(512))).toBeNull();
  });
});
