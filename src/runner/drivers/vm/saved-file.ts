import { createHash } from 'node:crypto';
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

/** The digest of a file's content, which nobody writes any more. */
export async function recordFile(path: string): Promise<FileRecord> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size } = await file.stat();
  return { bytes: size, sha256: await digestOf(file, [[0, size]]) };
}

type Range = readonly [start: number, end: number];

/** Ranges of a file that are read at once; what lies between them does not count. */
interface Window {
  readonly start: number;
  readonly ranges: Range[];
}

/** The next window is read by another thread while this one is digested. */
async function digestOf(file: FileHandle, ranges: readonly Range[]): Promise<string> {
  const hash = createHash('sha256');
  const windows = windowsOf(ranges);
  const rooms = [0, 1].map(() => Buffer.allocUnsafeSlow(windowBytes));
  const read = (n: number): Promise<Buffer> => {
    const [window, room] = [windows[n], rooms[n % 2]];
    const bytes = window && room ? readWindow(file, window, room) : Promise.resolve(Buffer.alloc(0));
    bytes.catch(() => {});
    return bytes;
  };
  let ahead = read(0);
  for (const [n, { start, ranges: parts }] of windows.entries()) {
    const bytes = await ahead;
    ahead = read(n + 1);
    for (const [from, to] of parts) hash.update(bytes.subarray(from - start, to - start));
  }
  return hash.digest('hex');
}

async function readWindow(file: FileHandle, { start, ranges }: Window, into: Buffer): Promise<Buffer> {
  const length = (ranges.at(-1)?.[1] ?? start) - start;
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(into, done, length - done, start + done);
    if (bytesRead === 0) return into.subarray(0, done);
    done += bytesRead;
  }
  return into.subarray(0, length);
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
