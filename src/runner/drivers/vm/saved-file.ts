import type { Hash } from 'node:crypto';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { StateUnusable } from '../../driver.ts';
import type { FileRecord } from './machine-record.ts';

const chunkBytes = 2 ** 20;

/** Opens a saved file. Throws `StateUnusable` where it is not there, no plain file, or not as long as recorded. */
export async function openSaved(directory: string, name: string, record: FileRecord): Promise<FileHandle> {
  const path = join(directory, name);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw new StateUnusable(`${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`);
  });
  const { size } = await file.stat();
  if (size === record.bytes) return file;
  await file.close();
  throw new StateUnusable(`${path} has ${size} bytes, not ${record.bytes}`);
}

/** Reads a small saved file. Throws `StateUnusable` where it is not what was recorded. */
export async function readSaved(directory: string, name: string, record: FileRecord): Promise<Buffer> {
  await using file = await openSaved(directory, name, record);
  const bytes = await file.readFile();
  if (createHash('sha256').update(bytes).digest('hex') !== record.sha256) throw damaged(directory, name);
  return bytes;
}

/** Files that were as recorded when this process read them, by digest, with what a file's status says of its content. */
const verified = new Map<string, string>();

/**
 * Reads a saved file that others have opened, and compares it with its digest; once in this process, as long as its status says that nobody wrote it.
 * `ranges`: the parts that count, all of it where absent. Throws `StateUnusable` where it differs.
 */
export async function verifySaved(options: {
  readonly directory: string;
  readonly name: string;
  readonly record: FileRecord;
  readonly ranges?: readonly (readonly [start: number, end: number])[];
}): Promise<void> {
  const { directory, name, record, ranges = [[0, options.record.bytes]] } = options;
  await using file = await openSaved(directory, name, record);
  const status = await file.stat({ bigint: true });
  const content = [status.dev, status.ino, status.size, status.mtimeNs, status.ctimeNs].join(' ');
  if (verified.get(record.sha256) === content) return;
  const hash = createHash('sha256');
  for (const [start, end] of ranges) await digestRange(file, { hash, start, end });
  if (hash.digest('hex') !== record.sha256) throw damaged(directory, name);
  verified.set(record.sha256, content);
}

export function damaged(directory: string, name: string): StateUnusable {
  return new StateUnusable(`${join(directory, name)} is not what was saved: its digest differs`);
}

/** The digest of a file's content, which nobody writes any more. */
export async function recordFile(path: string): Promise<FileRecord> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await file.stat();
  const hash = createHash('sha256');
  await digestRange(file, { hash, start: 0, end: size });
  return { bytes: size, sha256: hash.digest('hex') };
}

async function digestRange(
  file: FileHandle,
  range: { readonly hash: Hash; readonly start: number; readonly end: number },
): Promise<void> {
  const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, range.end - range.start));
  for (let at = range.start; at < range.end;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, range.end - at), at);
    if (bytesRead === 0) break;
    range.hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
}
