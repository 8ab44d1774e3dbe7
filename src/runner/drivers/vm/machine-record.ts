import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MachineIdentity } from './identity.ts';

/** A file of a saved level. */
export interface FileRecord {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * `machine.json` of a saved level: written last, so where it is whole, so are the others. Digests of disks, `memory` and `image` are of the digests of
 * their pieces, so that several threads compute them; `image`'s are of its pages with data alone: its holes are what `pages` does not name.
 */
export interface MachineRecord {
  readonly identity: MachineIdentity;
  /** Digest of the record of the level below; null at the bottom. */
  readonly parent: string | null;
  /** `state`, `pages`, `memory` or `image`, the disks, and what the machine's owner added. */
  readonly files: Readonly<Record<string, FileRecord>>;
  /** qcow2 images from the bottom up, by name; above those of the level below. */
  readonly disks: readonly string[];
  readonly virtualBytes: number;
}

export const recordName = 'machine.json';

export interface ReadRecord {
  readonly record: MachineRecord;
  readonly digest: string;
}

/** The file's text: the digest of its second line, and the record on one line. */
export function encodeRecord(record: MachineRecord): { readonly text: string; readonly digest: string } {
  const line = JSON.stringify(record);
  const digest = digestOf(line);
  return { text: wrap(line, digest), digest };
}

function wrap(line: string, digest: string): string {
  return `{"sha256":"${digest}","record":\n${line}\n}\n`;
}

/** The record in a directory; null where there is none that makes sense. */
export function readRecord(directory: string): ReadRecord | null {
  try {
    const text = readFileSync(join(directory, recordName), 'utf8');
    const line = text.split('\n')[1] ?? '';
    const digest = digestOf(line);
    if (text !== wrap(line, digest)) return null;
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? { record: value, digest } : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is MachineRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record: Partial<Record<keyof MachineRecord, unknown>> = value;
  if (typeof record.identity !== 'object' || record.identity === null) return false;
  if (typeof record.files !== 'object' || record.files === null) return false;
  if (record.parent !== null && typeof record.parent !== 'string') return false;
  if (!Object.entries(record.files).every(([name, file]) => isPlainName(name) && isFileRecord(file))) return false;
  const { disks, files, virtualBytes } = record;
  return Array.isArray(disks) && disks.every((name) => name in files) && typeof virtualBytes === 'number';
}

/** Of a file beside the record: nothing that leads elsewhere. */
export function isPlainName(name: string): boolean {
  return /^[a-z0-9][a-z0-9.-]*$/.test(name) && name !== recordName;
}

function isFileRecord(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'bytes' in value &&
    typeof value.bytes === 'number' &&
    'sha256' in value &&
    typeof value.sha256 === 'string'
  );
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
