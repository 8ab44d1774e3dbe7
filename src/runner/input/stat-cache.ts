import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RepoPath } from '../../host.ts';
import type { DiskStat } from './disk.ts';
import { keepWhole } from './whole-file.ts';

/** Hashes of files that have not been touched since they were computed. One file a working tree; losing it costs time only. */
export interface StatCache {
  /** The hash of a file with exactly this stat; null where none is known. */
  find(path: RepoPath, stat: DiskStat): string | null;
  /**
   * Remembers a hash, computed no earlier than `hashedAtMs` and while the stat held. Left out where the file had been touched less than two
   * seconds before: another change could have left the same stat.
   */
  add(path: RepoPath, stat: DiskStat, hashed: { readonly digest: string; readonly hashedAtMs: number }): void;
  /** Writes what is new, whole and at once. */
  save(): void;
}

/** A file's times must be this much older than a look at it for the look to count. */
export const settledMs = 2000;

const magic = Buffer.from('layer-s2', 'latin1');
const checksumBytes = 20;
/** Magic, checksum, number of records: a multiple of eight. */
const headerBytes = magic.length + checksumBytes + 4;
/** Size, mtime, ctime, inode and device of each file. */
const numbersPerRecord = 5;
const digestBytes = 20;
/** Above this many records, those that were not used are dropped if they are the most. */
const roomyRecords = 200_000;

/** Whether a file was last touched long enough before a moment for its stat to identify its content. */
export function isSettled(stat: DiskStat, atMs: number): boolean {
  return latestNs(stat) <= settledLimitNs(atMs);
}

/** When a file or its attributes were last touched. */
export function latestNs(stat: DiskStat): bigint {
  return stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs;
}

/** The last touch that a look at this moment may trust, in nanoseconds since 1970. */
export function settledLimitNs(atMs: number): bigint {
  return BigInt(atMs - settledMs) * 1_000_000n;
}

/** A file's hash, and the numbers that it was computed under. */
interface Known {
  readonly digest: string;
  readonly numbers: readonly bigint[];
}

/** What a cache's file holds: paths, and by their index the numbers and digests. */
interface Records {
  readonly indices: ReadonlyMap<string, number>;
  readonly numbers: BigInt64Array;
  readonly digests: Buffer;
}

/**
 * Opens the cache in `file`; empty where there is none, or none that is whole; read when it is first asked.
 * Format: magic, sha1 of all that follows, number of records (32 bits); numbers (64 bits each), digests, and the paths in UTF-16 with a NUL between
 * them, all little-endian. A record a path: the numbers are compared as they are, so that no two stats are ever taken for one.
 */
export function openStatCache(file: string): StatCache {
  let read: Records | null = null;
  const records = (): Records => (read ??= readRecords(file));
  const fresh = new Map<string, Known>();
  const used = new Set<number>();

  return {
    find(path, stat) {
      const added = fresh.get(path);
      if (added !== undefined && numbersOf(stat).every((one, at) => one === added.numbers[at])) return added.digest;
      const { indices, numbers, digests } = records();
      const index = indices.get(path);
      if (index === undefined) return null;
      const at = index * numbersPerRecord;
      const same =
        numbers[at] === BigInt(stat.sizeBytes) &&
        numbers[at + 1] === stat.mtimeNs &&
        numbers[at + 2] === stat.ctimeNs &&
        numbers[at + 3] === stat.inode &&
        numbers[at + 4] === stat.device;
      if (!same) return null;
      used.add(index);
      return digests.toString('hex', index * digestBytes, (index + 1) * digestBytes);
    },
    add(path, stat, { digest, hashedAtMs }) {
      if (isSettled(stat, hashedAtMs)) fresh.set(path, { digest, numbers: numbersOf(stat) });
    },
    save() {
      if (fresh.size === 0) return;
      const old = records();
      const crowded = old.indices.size + fresh.size > roomyRecords && old.indices.size > 2 * used.size;
      const all = new Map<string, Known>();
      for (const [path, index] of old.indices) {
        if (fresh.has(path) || (crowded && !used.has(index))) continue;
        const numbers = [...old.numbers.subarray(index * numbersPerRecord, (index + 1) * numbersPerRecord)];
        all.set(path, {
          digest: old.digests.toString('hex', index * digestBytes, (index + 1) * digestBytes),
          numbers,
        });
      }
      for (const [path, known] of fresh) all.set(path, known);
      writeRecords(file, all);
    },
  };
}

/** A cache that remembers for the life of the process only. */
export function memoryStatCache(): StatCache {
  const known = new Map<string, Known>();
  return {
    find(path, stat) {
      const found = known.get(path);
      return found !== undefined && numbersOf(stat).every((one, at) => one === found.numbers[at]) ? found.digest : null;
    },
    add(path, stat, { digest, hashedAtMs }) {
      if (isSettled(stat, hashedAtMs)) known.set(path, { digest, numbers: numbersOf(stat) });
    },
    save() {},
  };
}

/** A cache for files whose stat does not tell that they are as they were. */
export const noStatCache: StatCache = { find: () => null, add() {}, save() {} };

function numbersOf(stat: DiskStat): readonly bigint[] {
  return [BigInt(stat.sizeBytes), stat.mtimeNs, stat.ctimeNs, stat.inode, stat.device];
}

function readRecords(file: string): Records {
  const nothing: Records = { indices: new Map(), numbers: new BigInt64Array(), digests: Buffer.alloc(0) };
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return nothing;
  }
  const rest = bytes.subarray(magic.length + checksumBytes);
  if (bytes.length < headerBytes || !bytes.subarray(0, magic.length).equals(magic)) return nothing;
  if (!checksum(rest).equals(bytes.subarray(magic.length, magic.length + checksumBytes))) return nothing;
  const count = bytes.readUInt32LE(headerBytes - 4);
  const digestsAt = headerBytes + count * numbersPerRecord * 8;
  const pathsAt = digestsAt + count * digestBytes;
  // A copy of its own is aligned.
  const numbers = new BigInt64Array(new Uint8Array(bytes.subarray(headerBytes, digestsAt)).buffer);
  const indices = new Map<string, number>();
  if (count > 0) {
    for (const [index, path] of bytes.toString('utf16le', pathsAt).split('\0').entries()) indices.set(path, index);
  }
  return { indices, numbers, digests: bytes.subarray(digestsAt, pathsAt) };
}

function writeRecords(file: string, records: ReadonlyMap<string, Known>): void {
  const count = Buffer.alloc(4);
  count.writeUInt32LE(records.size);
  const all = [...records.values()];
  const numbers = BigInt64Array.from(all.flatMap((one) => one.numbers));
  const body = Buffer.concat([
    count,
    Buffer.from(numbers.buffer),
    Buffer.from(all.map((one) => one.digest).join(''), 'hex'),
    Buffer.from([...records.keys()].join('\0'), 'utf16le'),
  ]);
  keepWhole(file, Buffer.concat([magic, checksum(body), body]));
}

function checksum(bytes: Buffer): Buffer {
  return hash('sha1', bytes, 'buffer');
}
