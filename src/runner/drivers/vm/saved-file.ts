import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileRecord } from './machine-record.ts';

/** A saved machine cannot be used: something of it is missing, damaged or of another host. The message is for a person. */
export class UnusableState extends Error {
  override readonly name = 'UnusableState';
}

const chunkBytes = 2 ** 20;

/** Opens a saved file. Throws `UnusableState` where it is not there, no plain file, or not as long as recorded. */
export async function openSaved(directory: string, name: string, record: FileRecord): Promise<FileHandle> {
  const path = join(directory, name);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    throw new UnusableState(`${path} cannot be opened: ${error instanceof Error ? error.message : String(error)}`);
  });
  const { size } = await file.stat();
  if (size === record.bytes) return file;
  await file.close();
  throw new UnusableState(`${path} has ${size} bytes, not ${record.bytes}`);
}

/** Reads a small saved file. Throws `UnusableState` where it is not what was recorded. */
export async function readSaved(directory: string, name: string, record: FileRecord): Promise<Buffer> {
  const file = await openSaved(directory, name, record);
  try {
    const bytes = await file.readFile();
    if (createHash('sha256').update(bytes).digest('hex') !== record.sha256) throw damaged(directory, name);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Reads all of an open saved file. Throws `UnusableState` where its digest is not the recorded one. */
export async function verifySaved(options: {
  readonly file: FileHandle;
  readonly directory: string;
  readonly name: string;
  readonly record: FileRecord;
}): Promise<void> {
  const sha256 = await digestRange(options.file, 0, options.record.bytes);
  if (sha256 !== options.record.sha256) throw damaged(options.directory, options.name);
}

export function damaged(directory: string, name: string): UnusableState {
  return new UnusableState(`${join(directory, name)} is not what was saved: its digest differs`);
}

/** The digest of a file's content, which nobody writes any more. */
export async function recordFile(path: string): Promise<FileRecord> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    return { bytes: size, sha256: await digestRange(file, 0, size) };
  } finally {
    await file.close();
  }
}

async function digestRange(file: FileHandle, start: number, end: number): Promise<string> {
  const hash = createHash('sha256');
  const chunk = Buffer.allocUnsafeSlow(chunkBytes);
  for (let at = start; at < end;) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, end - at), at);
    if (bytesRead === 0) break;
    hash.update(chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return hash.digest('hex');
}
