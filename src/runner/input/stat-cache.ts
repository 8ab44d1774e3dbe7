import { Buffer } from 'node:buffer';
import { hash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RepoPath } from '../../host.ts';
import type { DiskStat } from './disk.ts';

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

const magic = Buffer.from('layer-s1', 'latin1');
const keyBytes = 16;
const recordBytes = 36;
const checksumBytes = 20;
const headerBytes = magic.length + checksumBytes;
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

/**
 * Opens the cache in `file`; empty where there is none, or none that is whole.
 * Format: magic, sha1 of the records, then records sorted by key: 16 bytes of sha256(path, stat), 20 bytes of blob hash.
 */
export function openStatCache(file: string): StatCache {
  const old = readRecords(file);
  const count = old.length / recordBytes;
  const fresh = new Map<string, Buffer>();
  const used = new Set<number>();

  /** The index of the record with this key; -1 where there is none. */
  const search = (key: Buffer): number => {
    const head = key.readUInt32BE(0);
    let low = 0;
    let high = count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = middle * recordBytes;
      const order = old.readUInt32BE(at) - head || old.compare(key, 0, keyBytes, at, at + keyBytes);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  };

  return {
    find(path, stat) {
      const key = keyOf(path, stat);
      const added = fresh.get(key.toString('latin1'));
      if (added !== undefined) return added.toString('hex');
      const index = search(key);
      if (index < 0) return null;
      used.add(index);
      const at = index * recordBytes + keyBytes;
      return old.toString('hex', at, at + recordBytes - keyBytes);
    },
    add(path, stat, { digest, hashedAtMs }) {
      if (!isSettled(stat, hashedAtMs)) return;
      fresh.set(keyOf(path, stat).toString('latin1'), Buffer.from(digest, 'hex'));
    },
    save() {
      if (fresh.size === 0) return;
      const crowded = count + fresh.size > roomyRecords && count > 2 * used.size;
      const records: Buffer[] = [...fresh].map(([key, digest]) => Buffer.concat([Buffer.from(key, 'latin1'), digest]));
      for (let index = 0; index < count; index += 1) {
        const record = old.subarray(index * recordBytes, (index + 1) * recordBytes);
        if (crowded && !used.has(index)) continue;
        if (!fresh.has(record.toString('latin1', 0, keyBytes))) records.push(record);
      }
      writeRecords(file, Buffer.concat(records.sort((a, b) => a.compare(b))));
    },
  };
}

/** A cache that remembers for the life of the process only. */
export function memoryStatCache(): StatCache {
  const known = new Map<string, string>();
  return {
    find: (path, stat) => known.get(keyOf(path, stat).toString('latin1')) ?? null,
    add(path, stat, { digest, hashedAtMs }) {
      if (isSettled(stat, hashedAtMs)) known.set(keyOf(path, stat).toString('latin1'), digest);
    },
    save() {},
  };
}

function keyOf(path: RepoPath, stat: DiskStat): Buffer {
  const text = `${path}\0${stat.sizeBytes} ${stat.mtimeNs} ${stat.ctimeNs} ${stat.inode} ${stat.device}`;
  return hash('sha256', text, 'buffer').subarray(0, keyBytes);
}

function readRecords(file: string): Buffer {
  const nothing = Buffer.alloc(0);
  try {
    const bytes = readFileSync(file);
    const records = bytes.subarray(headerBytes);
    if (!bytes.subarray(0, magic.length).equals(magic) || records.length % recordBytes !== 0) return nothing;
    return checksum(records).equals(bytes.subarray(magic.length, headerBytes)) ? records : nothing;
  } catch {
    return nothing;
  }
}

function writeRecords(file: string, records: Buffer): void {
  const staged = `${file}.${randomBytes(6).toString('hex')}`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(staged, Buffer.concat([magic, checksum(records), records]), { mode: 0o600, flag: 'wx' });
    renameSync(staged, file);
  } catch (error) {
    rmSync(staged, { force: true });
    throw error;
  }
}

function checksum(records: Buffer): Buffer {
  return hash('sha1', records, 'buffer');
}
