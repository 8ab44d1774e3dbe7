import { createHash, webcrypto } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { StateUnusable } from '../../driver.ts';
import type { FileRecord } from './machine-record.ts';

const windowBytes = 2 ** 20;
/** So much that does not count is read rather than asked for around it. */
const gapBytes = 2 ** 16;

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
  if (sha256(bytes) !== record.sha256) throw damaged(directory, name);
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
  readonly ranges?: readonly Range[];
}): Promise<void> {
  const { directory, name, record, ranges = [[0, options.record.bytes]] } = options;
  await using file = await openSaved(directory, name, record);
  const status = await file.stat({ bigint: true });
  const content = [status.dev, status.ino, status.size, status.mtimeNs, status.ctimeNs].join(' ');
  if (verified.get(record.sha256) === content) return;
  if ((await digestOf(file, ranges)) !== record.sha256) throw damaged(directory, name);
  verified.set(record.sha256, content);
}

export function damaged(directory: string, name: string): StateUnusable {
  return new StateUnusable(`${join(directory, name)} is not what was saved: its digest differs`);
}

/** What is recorded of a small file, for `readSaved`. */
export function recordContent(content: Uint8Array): FileRecord {
  return { bytes: content.length, sha256: sha256(content) };
}

/** What is recorded of a file, which nobody writes any more, for `verifySaved`. */
export async function recordFile(path: string, ranges: readonly Range[] | null = null): Promise<FileRecord> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await file.stat();
  return { bytes: size, sha256: await digestOf(file, ranges ?? [[0, size]]) };
}

type Range = readonly [start: number, end: number];

/** Ranges of a file that are read at once; what lies between them does not count. */
interface Window {
  readonly start: number;
  readonly ranges: Range[];
}

/** The digest of the digests of a file's windows: other threads compute those. */
async function digestOf(file: FileHandle, ranges: readonly Range[]): Promise<string> {
  const windows = windowsOf(ranges);
  const digests: Buffer[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    const room = Buffer.allocUnsafeSlow(windowBytes);
    for (let n = next++; n < windows.length; n = next++) {
      const window = windows[n];
      if (window !== undefined) digests[n] = await digestElsewhere(await readWindow(file, window, room));
    }
  };
  await Promise.all([0, 1, 2].map(work));
  return digestOfDigests(digests);
}

/** SHA-256, by another thread. The bytes may be overwritten once it is there. */
export async function digestElsewhere(bytes: Buffer): Promise<Buffer> {
  return Buffer.from(
    await webcrypto.subtle.digest(
      'SHA-256',
      new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length),
    ),
  );
}

export function digestOfDigests(digests: readonly Buffer[]): string {
  return sha256(Buffer.concat(digests));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The bytes of a window that count, one behind the other; fewer where the file has ended. */
async function readWindow(file: FileHandle, { start, ranges }: Window, into: Buffer): Promise<Buffer> {
  const length = (ranges.at(-1)?.[1] ?? start) - start;
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(into, done, length - done, start + done);
    if (bytesRead === 0) return into.subarray(0, done);
    done += bytesRead;
  }
  let used = 0;
  for (const [from, to] of ranges) used += into.copy(into, used, from - start, to - start);
  return into.subarray(0, used);
}

function windowsOf(ranges: readonly Range[]): readonly Window[] {
  const windows: Window[] = [];
  for (const [start, end] of ranges) {
    for (let at = start; at < end;) {
      let last = windows.at(-1);
      const near =
        last !== undefined && at < last.start + windowBytes && at - (last.ranges.at(-1)?.[1] ?? 0) <= gapBytes;
      if (last === undefined || !near) windows.push((last = { start: at, ranges: [] }));
      const to = Math.min(end, last.start + windowBytes);
      last.ranges.push([at, to]);
      at = to;
    }
  }
  return windows;
}
