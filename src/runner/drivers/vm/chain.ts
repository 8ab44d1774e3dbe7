import { StateUnusable } from '../../driver.ts';
import { join } from 'node:path';
import type { ReadRecord } from './machine-record.ts';
import { readRecord } from './machine-record.ts';
import type { MemoryLevel } from './memory-reader.ts';
import { openLevel } from './memory-reader.ts';
import { rangesOf } from './page-index.ts';
import { readSaved, verifySaved } from './saved-file.ts';

/** A level of a chain, whose record has been read. */
export interface Level extends ReadRecord {
  readonly directory: string;
}

/** The levels in these directories, the oldest first. Throws `StateUnusable` where they are not whole, or not one above the other. */
export function readChain(directories: readonly string[]): readonly [Level, ...Level[]] {
  const levels: Level[] = [];
  for (const directory of directories) {
    const read = readRecord(directory);
    if (read === null) throw new StateUnusable(`${directory} holds no whole record of a machine`);
    if (read.record.parent !== (levels.at(-1)?.digest ?? null)) {
      throw new StateUnusable(`${directory} was not saved above the level before it`);
    }
    levels.push({ ...read, directory });
  }
  const [bottom, ...above] = levels;
  if (bottom === undefined) throw new Error('a chain has at least one level');
  return [bottom, ...above];
}

export async function openLevels(chain: readonly Level[]): Promise<readonly MemoryLevel[]> {
  const levels: MemoryLevel[] = [];
  for (const { directory, record } of chain) levels.push(await openLevel(directory, record));
  return levels;
}

/** Compares the disks of all levels with their digests: QEMU opens them itself. */
export async function verifyDisks(chain: readonly Level[]): Promise<void> {
  for (const { directory, record } of chain) {
    for (const name of record.disks) {
      const file = record.files[name];
      if (file) await verifySaved({ directory, name, record: file });
    }
  }
}

/** Compares a level's memory image, where it has one, with its digest: QEMU maps it. */
export async function verifyImage(level: MemoryLevel): Promise<void> {
  const record = level.record.files['image'];
  if (record === undefined) return;
  await verifySaved({ directory: level.directory, name: 'image', record, ranges: rangesOf(level.index.runs) });
}

/** Where a level's memory image lies; null where its memory is in blocks. */
export function imagePath(level: Level): string | null {
  return 'image' in level.record.files ? join(level.directory, 'image') : null;
}

/** A file of the caller's own that was kept beside a level. Rejects with `StateUnusable` where it is damaged, or was not kept. */
export async function readKept(directory: string, name: string): Promise<Buffer> {
  const record = readRecord(directory)?.record.files[name];
  if (record === undefined) throw new StateUnusable(`${directory} holds no ${name}`);
  return await readSaved(directory, name, record);
}
