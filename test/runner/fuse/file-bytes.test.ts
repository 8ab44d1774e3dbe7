import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BytesRead, FileBytes } from '../../../src/runner/fuse/file-bytes.ts';
import { decodeName, encodeName } from '../../../src/runner/view/names.ts';
import type { FrozenFile } from '../../../src/runner/view/tree.ts';

let directory: string;
beforeEach(() => (directory = fs.mkdtempSync(path.join(os.tmpdir(), 'layer-fuse-bytes-'))));
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

function freeze(file: string, kind: FrozenFile['kind'] = 'working'): FrozenFile {
  const { size, mtimeNs, ctimeNs, ino } = fs.statSync(encodeName(file), { bigint: true });
  return { path: file, kind, sizeBytes: Number(size), mtimeNs, ctimeNs, inode: ino };
}

function write(name: string, content: string): string {
  const file = path.join(directory, name);
  fs.writeFileSync(encodeName(file), content);
  return file;
}

const out = Buffer.alloc(8192);

function read(files: FileBytes, file: FrozenFile, offset: number, sizeBytes: number): string | BytesRead {
  const result = files.read(file, { offset, sizeBytes }, { out, at: 16 });
  return 'bytes' in result ? out.toString('latin1', 16, 16 + result.bytes) : result;
}

describe.each(['working', 'immutable'] as const)('%s', (kind) => {
  test.each([
    [0, 100, '0123456789'],
    [0, 10, '0123456789'],
    [0, 4, '0123'],
    [4, 4, '4567'],
    [8, 100, '89'],
    [10, 100, ''],
    [4096, 100, ''],
  ])('from %d, %d bytes', (offset, sizeBytes, content) => {
    const file = freeze(write('a', '0123456789'), kind);
    expect(read(new FileBytes(), file, offset, sizeBytes)).toBe(content);
  });

  test('past 4 GiB', () => {
    const name = write('big', '');
    fs.truncateSync(name, 5 * 2 ** 30);
    const descriptor = fs.openSync(name, 'r+');
    fs.writeSync(descriptor, 'there', 4.5 * 2 ** 30);
    fs.closeSync(descriptor);
    expect(read(new FileBytes(), freeze(name, kind), 4.5 * 2 ** 30, 5)).toBe('there');
  });

  test('a name that is not UTF-8', () => {
    const file = freeze(write(decodeName(Buffer.from([0x61, 0xff, 0x0a])), 'odd'), kind);
    expect(read(new FileBytes(), file, 0, 100)).toBe('odd');
  });

  test('hundreds of files in pieces, a few of them open', () => {
    const files = new FileBytes();
    const frozen = Array.from({ length: 300 }, (_, index) => freeze(write(`f${index}`, `content ${index}`), kind));
    const before = fs.readdirSync('/proc/self/fd').length;
    for (const offset of [0, 4, 8]) {
      frozen.forEach((file, index) => {
        expect(read(files, file, offset, 4)).toBe(`content ${index}`.slice(offset, offset + 4));
      });
    }
    expect(fs.readdirSync('/proc/self/fd').length - before).toBeLessThanOrEqual(64);
  });
});

const changes: Readonly<Record<string, (file: string) => void>> = {
  'written over with as many bytes': (file) => fs.writeFileSync(file, '9876543210'),
  'written over, its mtime put back': (file) => {
    const { atime, mtime } = fs.statSync(file);
    fs.writeFileSync(file, '9876543210');
    fs.utimesSync(file, atime, mtime);
  },
  longer: (file) => fs.appendFileSync(file, 'x'),
  shorter: (file) => fs.truncateSync(file, 3),
  replaced: (file) => {
    fs.writeFileSync(`${file}.new`, '9876543210');
    fs.renameSync(`${file}.new`, file);
  },
  gone: (file) => fs.rmSync(file),
  'a directory': (file) => {
    fs.rmSync(file);
    fs.mkdirSync(file);
  },
  'a link to an equal file': (file) => {
    fs.renameSync(file, `${file}.old`);
    fs.symlinkSync(`${file}.old`, file);
  },
  'a pipe that nobody writes': (file) => {
    fs.rmSync(file);
    execFileSync('mkfifo', [file]);
  },
};

describe('a working file that is not as it was', () => {
  test.each(Object.entries(changes))('%s', (_, change) => {
    const name = write('a', '0123456789');
    const file = freeze(name);
    change(name);
    expect(read(new FileBytes(), file, 0, 100)).toEqual({ failure: 'changed' });
    expect(read(new FileBytes(), file, 2, 4)).toEqual({ failure: 'changed' });
  });

  test.each(Object.entries(changes))('%s, while it is open', (_, change) => {
    const name = write('a', '0123456789');
    const file = freeze(name);
    const files = new FileBytes();
    expect(read(files, file, 0, 4)).toBe('0123');
    change(name);
    expect(read(files, file, 4, 4)).toEqual({ failure: 'changed' });
  });
});

test('an immutable file that is gone or short is damaged', () => {
  const name = write('a', '0123456789');
  const file = freeze(name, 'immutable');
  fs.truncateSync(name, 3);
  expect(read(new FileBytes(), file, 0, 100)).toEqual({ failure: 'damaged' });
  fs.rmSync(name);
  expect(read(new FileBytes(), file, 0, 100)).toEqual({ failure: 'damaged' });
});
