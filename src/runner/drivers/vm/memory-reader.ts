import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import type { MachineRecord } from './machine-record.ts';
import { blockBytes } from './memory-writer.ts';
import { PageDigests } from './page-digests.ts';
import type { PageIndex, PageRun } from './page-index.ts';
import { decodePageIndex, digestBytes, pageBytes } from './page-index.ts';
import { damaged, digestElsewhere, digestOfDigests, openSaved, readSaved } from './saved-file.ts';

const decompress = promisify(zstdDecompress);
const blocksAhead = 3;
/** In one piece: else a thread is asked anew for each few kilobytes. */
const wholeBlock = { maxOutputLength: blockBytes, chunkSize: blockBytes };

/** A level of a chain, as far as memory goes. */
export interface MemoryLevel {
  readonly directory: string;
  readonly record: MachineRecord;
  readonly index: PageIndex;
}

/** Reads a level's index. Throws `StateUnusable` where it is damaged. */
export async function openLevel(directory: string, record: MachineRecord): Promise<MemoryLevel> {
  const file = record.files['pages'];
  const index = file === undefined ? null : decodePageIndex(await readSaved(directory, 'pages', file));
  if (index === null) throw damaged(directory, 'pages');
  return { directory, record, index };
}

/** Takes pages with their content, which is nobody else's from then on; a number: so many that are all zero. */
export interface PageTaker {
  take(first: number, content: Buffer | number): void;
  /** Waited for before more is read; null where there is room. */
  room(): Promise<void> | null;
}

/**
 * Gives what the levels, the lowest first, say of the memory: each page once, as the topmost level has it; the pages of an image level are not given,
 * only those above it. Returns what is known of each page then. Throws `StateUnusable` where a file is damaged, which may be found after pages of it
 * were given.
 */
export async function readLevels(levels: readonly MemoryLevel[], taker: PageTaker): Promise<PageDigests> {
  const totalPages = levels[0]?.index.totalPages ?? 0;
  const given = new Uint8Array(totalPages);
  const digests = new PageDigests(totalPages);
  for (const level of levels.toReversed()) {
    if (level.index.totalPages !== totalPages) throw damaged(level.directory, 'pages');
    if ('memory' in level.record.files) await readBlocks(level, { given, digests, taker });
  }
  return digests;
}

interface Progress {
  readonly given: Uint8Array;
  readonly digests: PageDigests;
  readonly taker: PageTaker;
}

async function readBlocks(level: MemoryLevel, progress: Progress): Promise<void> {
  const record = level.record.files['memory'];
  if (record === undefined) return;
  const file = await openSaved(level.directory, 'memory', record);
  try {
    const pages = placeData(level, progress);
    const { blocks } = level.index;
    const digests: Buffer[] = [];
    let at = 0;
    let next = 0;
    // Other threads read, digest and decompress some blocks while this one gives those before them.
    const ahead: Promise<readonly [digest: Buffer, block: Buffer]>[] = [];
    for (let n = 0; n < blocks.length + blocksAhead; n++) {
      const length = blocks[n];
      if (length !== undefined) {
        const block = readBlock(file, at, length);
        block.catch(() => {});
        ahead.push(block);
        at += length;
      }
      if (n < blocksAhead) continue;
      const [digest, block] = (await ahead.shift()?.catch(() => null)) ?? [null, Buffer.alloc(1)];
      if (digest === null || block.length % pageBytes !== 0 || next + block.length / pageBytes > pages.length) {
        throw damaged(level.directory, 'memory');
      }
      digests.push(digest);
      giveBlock(block, pages.subarray(next, next + block.length / pageBytes), progress.taker);
      await progress.taker.room();
      next += block.length / pageBytes;
    }
    if (at !== record.bytes || next !== pages.length || digestOfDigests(digests) !== record.sha256) {
      throw damaged(level.directory, 'memory');
    }
  } finally {
    await file.close();
  }
}

async function readBlock(
  file: FileHandle,
  at: number,
  length: number,
): Promise<readonly [digest: Buffer, block: Buffer]> {
  const compressed = await readExactly(file, at, length);
  return await Promise.all([digestElsewhere(compressed), decompress(compressed, wholeBlock)]);
}

/** Where each page of data goes, in order; the top bit is set where a level above has had its say. Zero runs are given here. */
function placeData(level: MemoryLevel, progress: Progress): Uint32Array {
  const count = level.index.runs.reduce((sum, run) => sum + (run.zero ? 0 : run.count), 0);
  if (level.index.digests.length !== count * digestBytes) throw damaged(level.directory, 'pages');
  const places = new Uint32Array(count);
  let n = 0;
  for (const run of level.index.runs) {
    if (run.zero) giveZeros(run, progress);
    else n = placeRun(run, n, { level, places, progress });
  }
  return places;
}

function placeRun(
  run: PageRun,
  from: number,
  into: { readonly level: MemoryLevel; readonly places: Uint32Array; readonly progress: Progress },
): number {
  const { given, digests } = into.progress;
  for (let k = 0; k < run.count; k++) {
    const [page, n] = [run.first + k, from + k];
    into.places[n] = given[page] === 1 ? covered : page;
    if (given[page] === 1) continue;
    given[page] = 1;
    digests.set(page, into.level.index.digests.subarray(n * digestBytes, (n + 1) * digestBytes));
  }
  return from + run.count;
}

const covered = 2 ** 32 - 1;

function giveZeros(run: PageRun, { given, digests, taker }: Progress): void {
  let from = -1;
  for (let page = run.first; page <= run.first + run.count; page++) {
    const fresh = page < run.first + run.count && given[page] !== 1;
    if (fresh) {
      given[page] = 1;
      digests.setZero(page);
      if (from < 0) from = page;
    } else if (from >= 0) {
      taker.take(from, page - from);
      from = -1;
    }
  }
}

function giveBlock(block: Buffer, places: Uint32Array, taker: PageTaker): void {
  let from = 0;
  for (let n = 1; n <= places.length; n++) {
    const start = places[from] ?? covered;
    if (n < places.length && start !== covered && places[n] === start + (n - from)) continue;
    if (start !== covered) taker.take(start, block.subarray(from * pageBytes, n * pageBytes));
    from = n;
  }
}

/** Fewer bytes where the file ends before. */
async function readExactly(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(bytes, 0, length, at);
  return bytes.subarray(0, bytesRead);
}
