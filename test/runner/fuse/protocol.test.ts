import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeRequest, initFlags, type Request } from '../../../src/runner/fuse/protocol.ts';

/** A request as the kernel writes it: fuse_in_header, then the operation's own structure. */
function bytesOf(
  opcode: number,
  body: Buffer,
  header: { readonly unique?: bigint; readonly node?: bigint } = {},
): Buffer {
  const head = Buffer.alloc(40);
  head.writeUInt32LE(40 + body.length, 0);
  head.writeUInt32LE(opcode, 4);
  head.writeBigUInt64LE(header.unique ?? 7n, 8);
  head.writeBigUInt64LE(header.node ?? 3n, 16);
  head.writeUInt32LE(1000, 24); // uid
  head.writeUInt32LE(1001, 28); // gid
  head.writeUInt32LE(4242, 32); // pid
  return Buffer.concat([head, body]);
}

const decode = (bytes: Buffer): Request => decodeRequest(bytes, bytes.length);
const names = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** fuse_read_in: fh, offset, size, read_flags, lock_owner, flags, padding. */
function reading(offset: bigint, size: number): Buffer {
  const body = Buffer.alloc(40);
  body.writeBigUInt64LE(0xffffffffffffffffn, 0);
  body.writeBigUInt64LE(offset, 8);
  body.writeUInt32LE(size, 16);
  body.writeUInt32LE(0x8000, 32);
  return body;
}

describe('each operation', () => {
  test.each([
    ['LOOKUP', 1, names('a.txt\0'), { kind: 'lookup', name: 'a.txt' }],
    ['LOOKUP of a name with a line end', 1, names('a\nb\0'), { kind: 'lookup', name: 'a\nb' }],
    ['LOOKUP of a name that is not UTF-8', 1, names([0x61, 0xff, 0]), { kind: 'lookup', name: 'a\udcff' }],
    ['FORGET', 2, Buffer.alloc(8), { kind: 'silent' }],
    ['GETATTR', 3, Buffer.alloc(16), { kind: 'getattr' }],
    ['SETATTR', 4, Buffer.alloc(88), { kind: 'unknown', opcode: 4 }],
    ['READLINK', 5, Buffer.alloc(0), { kind: 'readlink' }],
    ['UNLINK', 10, names('a\0'), { kind: 'unknown', opcode: 10 }],
    ['OPEN', 14, Buffer.alloc(8), { kind: 'optional' }],
    ['READ', 15, reading(0n, 4096), { kind: 'read', offset: 0, sizeBytes: 4096 }],
    [
      'READ past 4 GiB',
      15,
      reading(0x1_2345_6789n, 131072),
      { kind: 'read', offset: 0x1_2345_6789, sizeBytes: 131072 },
    ],
    ['WRITE', 16, Buffer.alloc(40), { kind: 'unknown', opcode: 16 }],
    ['STATFS', 17, Buffer.alloc(0), { kind: 'statfs' }],
    ['RELEASE', 18, Buffer.alloc(24), { kind: 'closing' }],
    ['FSYNC', 20, Buffer.alloc(16), { kind: 'closing' }],
    ['GETXATTR', 22, Buffer.concat([Buffer.alloc(8), names('security.capability\0')]), { kind: 'optional' }],
    ['LISTXATTR', 23, Buffer.alloc(8), { kind: 'optional' }],
    ['FLUSH', 25, Buffer.alloc(24), { kind: 'optional' }],
    ['OPENDIR', 27, Buffer.alloc(8), { kind: 'optional' }],
    ['READDIR', 28, reading(100_002n, 4096), { kind: 'readdir', offset: 100_002, sizeBytes: 4096 }],
    ['RELEASEDIR', 29, Buffer.alloc(24), { kind: 'closing' }],
    ['FSYNCDIR', 30, Buffer.alloc(16), { kind: 'closing' }],
    ['ACCESS', 34, Buffer.alloc(8), { kind: 'optional' }],
    ['INTERRUPT', 36, Buffer.alloc(8), { kind: 'silent' }],
    ['BMAP', 37, Buffer.alloc(16), { kind: 'optional' }],
    ['DESTROY', 38, Buffer.alloc(0), { kind: 'destroy' }],
    ['IOCTL', 39, Buffer.alloc(32), { kind: 'ioctl' }],
    ['POLL', 40, Buffer.alloc(24), { kind: 'optional' }],
    ['BATCH_FORGET', 42, Buffer.alloc(24), { kind: 'silent' }],
    ['READDIRPLUS', 44, reading(0n, 4096), { kind: 'unknown', opcode: 44 }],
    ['LSEEK', 46, Buffer.alloc(24), { kind: 'optional' }],
    ['SYNCFS', 50, Buffer.alloc(8), { kind: 'closing' }],
    ['STATX', 52, Buffer.alloc(24), { kind: 'optional' }],
    ['an operation of a later kernel', 4096, Buffer.alloc(16), { kind: 'unknown', opcode: 4096 }],
  ])('%s', (_, opcode, body, expected) => {
    expect(decode(bytesOf(opcode, body))).toEqual({ unique: 7n, node: 3, ...expected });
  });

  test('INIT', () => {
    const body = Buffer.alloc(64);
    body.writeUInt32LE(7, 0);
    body.writeUInt32LE(45, 4);
    body.writeUInt32LE(131072, 8);
    body.writeUInt32LE(0xf3fffffb, 12);
    expect(decode(bytesOf(26, body, { node: 0n }))).toEqual({
      unique: 7n,
      node: 0,
      kind: 'init',
      major: 7,
      minor: 45,
      maxReadaheadBytes: 131072,
      flags: 0xf3fffffb,
    });
  });

  test('numbers of 64 bits', () => {
    const request = decode(bytesOf(3, Buffer.alloc(16), { unique: 0xfffffffffffffffen, node: 0x1_0000_0001n }));
    expect(request).toEqual({ unique: 0xfffffffffffffffen, node: 0x1_0000_0001, kind: 'getattr' });
  });
});

test('capabilities have their numbers of fuse.h', () => {
  expect(initFlags).toEqual({
    asyncRead: 0x1,
    noOpen: 0x20000,
    parallelDirectoryOperations: 0x40000,
    maxPages: 0x400000,
    cacheSymlinks: 0x800000,
    noOpendir: 0x1000000,
    explicitInvalidation: 0x2000000,
  });
});

describe('what is not a request', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['half a header', bytesOf(3, Buffer.alloc(16)).subarray(0, 39)],
    ['less than it says', bytesOf(3, Buffer.alloc(16)).subarray(0, 48)],
    ['more than it says', Buffer.concat([bytesOf(3, Buffer.alloc(16)), Buffer.alloc(1)])],
    ['LOOKUP without a name', bytesOf(1, Buffer.alloc(0))],
    ['LOOKUP of the empty name', bytesOf(1, names('\0'))],
    ['LOOKUP of a name without an end', bytesOf(1, names('abc'))],
    ['LOOKUP with something after the name', bytesOf(1, names('abc\0d\0'))],
    ['half a READ', bytesOf(15, reading(0n, 4096).subarray(0, 39))],
    ['half a READDIR', bytesOf(28, reading(0n, 4096).subarray(0, 24))],
    ['half an INIT', bytesOf(26, Buffer.alloc(15))],
  ])('%s', (_, bytes) => {
    expect(decode(bytes)).toMatchObject({ kind: 'malformed' });
  });

  test('any bytes are decoded to something', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(60), fc.boolean(), (bytes, opcode, whole) => {
        const buffer = Buffer.from(bytes);
        if (whole && buffer.length >= 40) {
          buffer.writeUInt32LE(buffer.length, 0);
          buffer.writeUInt32LE(opcode, 4);
        }
        expect(typeof decode(buffer).kind).toBe('string');
      }),
      { numRuns: 3000 },
    );
  });

  test('only the given length counts, whatever the buffer still holds', () => {
    const old = bytesOf(1, names('a-long-name-from-before\0'));
    bytesOf(1, names('short\0')).copy(old);
    expect(decodeRequest(old, 46)).toMatchObject({ kind: 'lookup', name: 'short' });
  });
});
