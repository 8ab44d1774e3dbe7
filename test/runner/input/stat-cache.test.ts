import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import type { DiskStat } from '../../../src/runner/input/disk.ts';
import { isSettled, openStatCache } from '../../../src/runner/input/stat-cache.ts';
import { blobHash } from '../view/memory-tree.ts';
import { scratch } from './workspace.ts';

const stat: DiskStat = {
  kind: 'file',
  executable: false,
  sizeBytes: 3,
  mtimeNs: 1_000_000_000n,
  ctimeNs: 1_000_000_000n,
  inode: 7n,
  device: 8n,
  mode: 0o100644n,
  uid: 0n,
  gid: 0n,
};
const path = 'a' as RepoPath;
const hashed = { digest: blobHash('abc'), hashedAtMs: 10_000 };

test('a look counts from two seconds after the last touch on', () => {
  expect(isSettled(stat, 3000)).toBe(true);
  expect(isSettled(stat, 2999)).toBe(false);
  expect(isSettled({ ...stat, ctimeNs: stat.ctimeNs + 1n }, 3000)).toBe(false);
  expect(isSettled({ ...stat, mtimeNs: 99_000_000_000n }, 3000)).toBe(false);
});

test('a hash is found again under the same stat only, also from disk', () => {
  const file = `${scratch()}/sub/stats`;
  const cache = openStatCache(file);
  cache.add(path, stat, hashed);
  cache.add('young' as RepoPath, { ...stat, mtimeNs: 9_000_000_000n }, hashed);
  cache.save();
  for (const one of [cache, openStatCache(file)]) {
    expect(one.find(path, stat)).toBe(hashed.digest);
    expect(one.find('young' as RepoPath, { ...stat, mtimeNs: 9_000_000_000n })).toBeNull();
    expect(one.find('b' as RepoPath, stat)).toBeNull();
    for (const other of [
      { sizeBytes: 4 },
      { mtimeNs: 1_000_000_001n },
      { ctimeNs: 999_999_999n },
      { inode: 8n },
      { device: 9n },
    ]) {
      expect(one.find(path, { ...stat, ...other })).toBeNull();
    }
  }
});

test('many hashes, added over several runs, all stay; a later one for the same stat wins', () => {
  const file = `${scratch()}/stats`;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat()), { maxLength: 60 }), (pairs) => {
      const cache = openStatCache(file);
      for (const [index, value] of pairs) {
        expected.set(index, blobHash(String(value)));
        cache.add(String(index) as RepoPath, stat, { digest: blobHash(String(value)), hashedAtMs: 10_000 });
      }
      cache.save();
      const again = openStatCache(file);
      for (const [index, digest] of expected) expect(again.find(String(index) as RepoPath, stat)).toBe(digest);
    }),
    { numRuns: 60 },
  );
  expect(readdirSync(file.slice(0, file.lastIndexOf('/')))).toEqual(['stats']);
});
const expected = new Map<number, string>();

test('a damaged file counts as none', () => {
  const file = `${scratch()}/stats`;
  const cache = openStatCache(file);
  for (let index = 0; index < 9; index += 1) cache.add(String(index) as RepoPath, stat, hashed);
  cache.save();
  const whole = readFileSync(file);
  for (const at of [0, 9, 30, 60, whole.length - 1]) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(file, damaged);
    expect(openStatCache(file).find('0' as RepoPath, stat)).toBeNull();
  }
  writeFileSync(file, whole);
  truncateSync(file, whole.length - 36);
  expect(openStatCache(file).find('0' as RepoPath, stat)).toBeNull();
});
