import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import {
  absentReply,
  appendDirectoryEntry,
  type Attributes,
  attributesReply,
  entryReply,
  errno,
  errorReply,
  initReply,
  payloadReply,
  statfsReply,
} from '../../../src/runner/fuse/replies.ts';

/** A buffer full of what an earlier reply may have left. */
const used = () => Buffer.alloc(512, 0xaa);

const attributes: Attributes = {
  kind: 'file',
  inode: 0xf_1234_5678_9abc,
  mode: 0o775,
  uid: 1000,
  gid: 50,
  sizeBytes: 0x1_2345_6789,
  mtime: { seconds: 1_700_000_000, nanoseconds: 123_456_789 },
};

/** fuse_attr, 88 bytes, field by field in the order of fuse.h. */
function readAttributes(bytes: Buffer, at: number) {
  return {
    ino: bytes.readBigUInt64LE(at),
    size: bytes.readBigUInt64LE(at + 8),
    blocks: bytes.readBigUInt64LE(at + 16),
    times: [0, 1, 2].map((index) => [
      bytes.readBigUInt64LE(at + 24 + 8 * index),
      bytes.readUInt32LE(at + 48 + 4 * index),
    ]),
    mode: bytes.readUInt32LE(at + 60),
    nlink: bytes.readUInt32LE(at + 64),
    uid: bytes.readUInt32LE(at + 68),
    gid: bytes.readUInt32LE(at + 72),
    rdev: bytes.readUInt32LE(at + 76),
    blksize: bytes.readUInt32LE(at + 80),
    flags: bytes.readUInt32LE(at + 84),
  };
}

const expectedAttributes = {
  ino: 0xf_1234_5678_9abcn,
  size: 0x1_2345_6789n,
  blocks: (0x1_2345_6789n + 511n) / 512n,
  times: [0, 1, 2].map(() => [1_700_000_000n, 123_456_789]),
  mode: 0o100775,
  nlink: 1,
  uid: 1000,
  gid: 50,
  rdev: 0,
  blksize: 4096,
  flags: 0,
};

function header(bytes: Buffer) {
  return { length: bytes.readUInt32LE(0), error: bytes.readInt32LE(4), unique: bytes.readBigUInt64LE(8) };
}

test('an error is a header with the negative number', () => {
  const out = used();
  expect(errorReply(out, 0xfffffffffffffffen, errno.ENOSYS)).toBe(16);
  expect(header(out)).toEqual({ length: 16, error: -38, unique: 0xfffffffffffffffen });
});

test('success without a payload', () => {
  const out = used();
  expect(errorReply(out, 1n, 0)).toBe(16);
  expect(header(out)).toEqual({ length: 16, error: 0, unique: 1n });
});

test('a payload stays where it is', () => {
  const out = used();
  out.write('bytes', 16);
  expect(payloadReply(out, 9n, 5)).toBe(21);
  expect(header(out)).toEqual({ length: 21, error: 0, unique: 9n });
  expect(out.toString('latin1', 16, 21)).toBe('bytes');
});

test('an entry: fuse_entry_out', () => {
  const out = used();
  const entry = { node: 0x1_0000_0002, generation: 3, entrySeconds: 31_536_000, attributesSeconds: 0, attributes };
  expect(entryReply(out, 5n, entry)).toBe(16 + 128);
  expect(header(out)).toEqual({ length: 144, error: 0, unique: 5n });
  expect(out.readBigUInt64LE(16)).toBe(0x1_0000_0002n);
  expect(out.readBigUInt64LE(24)).toBe(3n);
  expect(out.readBigUInt64LE(32)).toBe(31_536_000n);
  expect(out.readBigUInt64LE(40)).toBe(0n);
  expect(out.readUInt32LE(48)).toBe(0);
  expect(out.readUInt32LE(52)).toBe(0);
  expect(readAttributes(out, 56)).toEqual(expectedAttributes);
  expect(out[144]).toBe(0xaa);
});

test('an absence is an entry of node 0 that may be remembered', () => {
  const out = used();
  expect(absentReply(out, 5n, 31_536_000)).toBe(144);
  expect(out.readBigUInt64LE(32)).toBe(31_536_000n);
  expect(Buffer.concat([out.subarray(16, 32), out.subarray(40, 144)]).every((byte) => byte === 0)).toBe(true);
});

test('attributes: fuse_attr_out', () => {
  const out = used();
  expect(attributesReply(out, 5n, attributes, 31_536_000)).toBe(16 + 104);
  expect(out.readBigUInt64LE(16)).toBe(31_536_000n);
  expect(out.readBigUInt64LE(24)).toBe(0n);
  expect(readAttributes(out, 32)).toEqual(expectedAttributes);
  expect(out[120]).toBe(0xaa);
});

test.each([
  ['directory', 0o040755],
  ['file', 0o100755],
  ['link', 0o120755],
] as const)('the format of a %s', (kind, mode) => {
  const out = used();
  attributesReply(out, 1n, { ...attributes, kind, mode: 0o755 }, 0);
  expect(readAttributes(out, 32).mode).toBe(mode);
});

test.each([
  [0, 0n],
  [1, 1n],
  [512, 1n],
  [513, 2n],
  [2 ** 43, 2n ** 34n],
])('%d bytes are %d blocks', (sizeBytes, blocks) => {
  const out = used();
  attributesReply(out, 1n, { ...attributes, sizeBytes }, 0);
  expect(readAttributes(out, 32)).toMatchObject({ size: BigInt(sizeBytes), blocks });
});

test('INIT: fuse_init_out', () => {
  const out = used();
  expect(
    initReply(out, 2n, { minor: 38, flags: 0x3c60001 | 0x80000000, maxReadaheadBytes: 1 << 20, maxPages: 256 }),
  ).toBe(80);
  expect([out.readUInt32LE(16), out.readUInt32LE(20)]).toEqual([7, 38]);
  expect(out.readUInt32LE(24)).toBe(1 << 20);
  expect(out.readUInt32LE(28)).toBe(0x83c60001);
  expect([out.readUInt16LE(32), out.readUInt16LE(34)]).toEqual([64, 48]);
  expect(out.readUInt32LE(36)).toBe(4096);
  expect(out.readUInt32LE(40)).toBe(1);
  expect(out.readUInt16LE(44)).toBe(256);
  expect(out.subarray(46, 80).every((byte) => byte === 0)).toBe(true);
});

test('STATFS: fuse_kstatfs', () => {
  const out = used();
  expect(statfsReply(out, 2n)).toBe(96);
  expect(out.subarray(16, 56).every((byte) => byte === 0)).toBe(true);
  expect([out.readUInt32LE(56), out.readUInt32LE(60), out.readUInt32LE(64)]).toEqual([4096, 255, 4096]);
});

describe('directory entries: fuse_dirent', () => {
  const entry = { inode: 0x1_0000_0007, next: 100_003, kind: 'link', name: 'abcde' } as const;

  test('fields', () => {
    const out = used();
    expect(appendDirectoryEntry(out, 16, 512, entry)).toBe(16 + 32);
    expect(out.readBigUInt64LE(16)).toBe(0x1_0000_0007n);
    expect(out.readBigUInt64LE(24)).toBe(100_003n);
    expect(out.readUInt32LE(32)).toBe(5);
    expect(out.readUInt32LE(36)).toBe(10);
    expect(out.toString('latin1', 40, 48)).toBe('abcde\0\0\0');
    expect(out[48]).toBe(0xaa);
  });

  test.each([
    ['directory', 4],
    ['file', 8],
    ['link', 10],
  ] as const)('the type of a %s', (kind, type) => {
    const out = used();
    appendDirectoryEntry(out, 16, 512, { ...entry, kind });
    expect(out.readUInt32LE(36)).toBe(type);
  });

  test.each([
    ['', 24],
    ['a', 32],
    ['12345678', 32],
    ['123456789', 40],
    ['é', 32],
    ['a\udcffb\n', 32],
    ['x'.repeat(255), 280],
  ])('%j takes %d bytes, a multiple of 8', (name, bytes) => {
    expect(appendDirectoryEntry(used(), 16, 512, { ...entry, name })).toBe(16 + bytes);
  });

  test('the name is bytes', () => {
    const out = used();
    appendDirectoryEntry(out, 16, 512, { ...entry, name: 'a\udcff\n' });
    expect(out.readUInt32LE(32)).toBe(3);
    expect([...out.subarray(40, 43)]).toEqual([0x61, 0xff, 0x0a]);
  });

  test('one that just fits, and one that does not', () => {
    expect(appendDirectoryEntry(used(), 16, 48, entry)).toBe(48);
    const out = used();
    expect(appendDirectoryEntry(out, 16, 47, entry)).toBeNull();
    expect(out.every((byte) => byte === 0xaa)).toBe(true);
  });
});
