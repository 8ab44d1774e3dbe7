import { execFileSync } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { TarEntry } from '../../../../src/runner/drivers/vm/tar-entry.ts';
import { TarReader } from '../../../../src/runner/drivers/vm/tar-reader.ts';
import { encodeTarHeader, tarEnd, tarPadding } from '../../../../src/runner/drivers/vm/tar-writer.ts';

function entry(changes: Partial<TarEntry>): TarEntry {
  return {
    ...{ path: 'file', type: 'file', target: '', mode: 0o644, uid: 0, gid: 0, size: 0, major: 0, minor: 0 },
    ...{ modified: { seconds: 0n, nanoseconds: 0 }, attributes: [] },
    ...changes,
  };
}

const entries: readonly TarEntry[] = [
  entry({ mode: 0o4755, uid: 1234, gid: 4321, size: 700, modified: { seconds: 981_173_106n, nanoseconds: 0 } }),
  entry({ path: './sub', type: 'directory', mode: 0o3777, uid: 3_000_000, gid: 3_000_001 }),
  entry({ path: 'not\xffutf8', modified: { seconds: -5n, nanoseconds: 750_000_000 } }),
  entry({ path: `${'0'.repeat(100)}/${'7'.repeat(100)}`, type: 'link', target: `../${'x'.repeat(150)}` }),
  entry({ path: 'hard', type: 'hard link', target: 'file' }),
  entry({ path: 'device', type: 'character', major: 1, minor: 7 }),
  entry({ path: 'pipe', type: 'pipe', modified: { seconds: 9_000_000_000n, nanoseconds: 123_456_789 } }),
  entry({ path: 'marked', attributes: [{ name: 'user.any', value: Buffer.from([0, 255, 10, 61]) }] }),
];

function archive(): Buffer {
  const parts = entries.flatMap((one) => [encodeTarHeader(one), Buffer.alloc(one.size, 'x'), tarPadding(one.size)]);
  return Buffer.concat([...parts, tarEnd]);
}

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(chunks: AsyncIterable<Uint8Array>): Promise<readonly TarEntry[]> {
  const reader = new TarReader(chunks);
  const found: TarEntry[] = [];
  for (let one = await reader.next(); one !== null; one = await reader.next()) {
    found.push(one);
    for await (const piece of reader.content(one.size, 64)) expect(piece.toString()).toBe('x'.repeat(piece.length));
  }
  return found;
}

describe('a tar archive', () => {
  it.each([1, 511, 4096, 1 << 20])('says all of its entries, in pieces of %i bytes', async (size) => {
    expect(await read(pieces(archive(), size))).toEqual(entries);
  });

  it('is one that GNU tar reads', () => {
    const listed = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--quoting-style=escape', '--full-time'], {
      input: archive(),
      env: { ...process.env, TZ: 'UTC' },
      encoding: 'utf8',
    });
    expect(listed).toContain('-rwsr-xr-x 1234/4321');
    expect(listed).toContain('drwxrwsrwt 3000000/3000001');
    expect(listed).toContain('2001-02-03 04:05:06 file');
    expect(listed).toContain('not\\377utf8');
    expect(listed).toContain(`-> ../${'x'.repeat(150)}`);
    expect(listed).toContain('hard link to file');
    expect(listed).toMatch(/^crw-r--r-- 0\/0 +1,7 .* device$/m);
    expect(listed).toContain('2255-03-14 16:00:00.123456789 pipe');
  });

  it('is refused where it is cut, or none', async () => {
    const whole = archive();
    await expect(read(pieces(whole.subarray(0, 900), 512))).rejects.toThrow('too early');
    await expect(read(pieces(whole.subarray(0, whole.length - 1024), 512))).rejects.toThrow('too early');
    await expect(read(pieces(Buffer.alloc(1024, 'x'), 512))).rejects.toThrow('no tar archive');
  });
});
