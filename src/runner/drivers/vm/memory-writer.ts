import type { FileHandle } from 'node:fs/promises';
import { open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import type { GuestMemory } from './guest-memory.ts';
import type { PageIndex, PageRun } from './page-index.ts';
import { encodePageIndex, pageBytes, rangesOf, RunBuilder } from './page-index.ts';
import { isZeroPage, pageDigest, PageDigests } from './page-digests.ts';
import type { FileRecord } from './machine-record.ts';
import { digestElsewhere, digestOfDigests, recordContent, recordFile } from './saved-file.ts';
import { openForMapping } from './memory-image.ts';

/** Data of one block before compression; also what is read of a guest at once. */
export const blockBytes = 2 ** 20;
/** Copies of guest memory that may wait to be written; beyond it, reading waits. */
const waitingBytes = 256 * 2 ** 20;

const compress = promisify(zstdCompress);
/** In one piece, also what cannot be compressed (zstd.h: ZSTD_compressBound). */
const level = { params: { [constants.ZSTD_c_compressionLevel]: 1 }, chunkSize: blockBytes + (blockBytes >> 8) };

interface Chunk {
  readonly first: number;
  readonly bytes: Buffer;
}

/**
 * Saves the pages in which a guest's memory differs from the level below. `copy` is called while the guest stands still and returns when all is read;
 * `finish` when it runs again: most of the work lies there.
 */
export class MemoryWriter {
  readonly #directory: string;
  readonly #below: PageDigests;
  readonly #totalPages: number;
  readonly #runs = new RunBuilder();
  readonly #digests: Buffer[] = [];
  readonly #changes: (readonly [page: number, digest: Buffer | null])[] = [];
  #waiting = 0;
  /** Writing begins when all is copied, or too much waits. */
  readonly #begin = Promise.withResolvers<void>();
  #work: Promise<void> = this.#begin.promise;
  #failed = false;
  readonly #sink: DataSink;

  private constructor(options: {
    readonly directory: string;
    readonly below: PageDigests;
    readonly pages: number;
    readonly sink: DataSink;
  }) {
    this.#directory = options.directory;
    this.#below = options.below;
    this.#totalPages = options.pages;
    this.#sink = options.sink;
  }

  /** `as`: pages in compressed blocks (a file `memory`), or all of the memory as a sparse file `image` that machines can map. */
  static async create(options: {
    readonly directory: string;
    readonly below: PageDigests;
    readonly pages: number;
    readonly as: 'blocks' | 'image';
  }): Promise<MemoryWriter> {
    const path = join(options.directory, options.as === 'blocks' ? 'memory' : 'image');
    const file = await open(path, 'wx', 0o600);
    if (options.as === 'image') await openForMapping(file);
    const sink = options.as === 'blocks' ? new BlockSink(file) : new ImageSink(file, path, options.pages * pageBytes);
    return new MemoryWriter({ ...options, sink });
  }

  async copy(memory: GuestMemory): Promise<void> {
    const pagesAtOnce = blockBytes / pageBytes;
    let chunk = Buffer.allocUnsafeSlow(blockBytes);
    let used = 0;
    let pieces: Chunk[] = [];
    const flush = (): void => {
      if (pieces.length > 0) this.#take(pieces);
      [pieces, used, chunk] = [[], 0, Buffer.allocUnsafeSlow(blockBytes)];
    };
    for (const [first, count] of memory.privateRuns()) {
      for (let page = first; page < first + count;) {
        const n = Math.min(first + count - page, pagesAtOnce - used);
        const bytes = chunk.subarray(used * pageBytes, (used + n) * pageBytes);
        memory.read(page, bytes);
        pieces.push({ first: page, bytes });
        page += n;
        used += n;
        if (used < pagesAtOnce) continue;
        flush();
        if (this.#waiting > waitingBytes) this.#begin.resolve();
        while (this.#waiting > waitingBytes && !this.#failed) await turn();
        if (this.#failed) return await this.#work;
      }
    }
    flush();
  }

  /** Writes what is left and the index. Rejects with what the file system says; nothing is known then that was not before. */
  async finish(): Promise<Readonly<Record<string, FileRecord>>> {
    this.#begin.resolve();
    await this.#work;
    const runs = this.#runs.end();
    const { name, record, blocks } = await this.#sink.finish(runs);
    const index: PageIndex = {
      totalPages: this.#totalPages,
      runs,
      digests: Buffer.concat(this.#digests),
      blocks,
    };
    const encoded = encodePageIndex(index);
    await writeFile(join(this.#directory, 'pages'), encoded, { mode: 0o600 });
    return { [name]: record, pages: recordContent(encoded) };
  }

  /** Tells `below` of the new level, which has been kept. */
  commit(): void {
    for (const [page, digest] of this.#changes) {
      if (digest === null) this.#below.setZero(page);
      else this.#below.set(page, digest);
    }
  }

  async abandon(): Promise<void> {
    this.#failed = true;
    this.#begin.resolve();
    await this.#work.catch(() => {});
    await this.#sink.abandon();
  }

  #take(pieces: readonly Chunk[]): void {
    this.#waiting += blockBytes;
    this.#work = this.#work.then(async () => {
      if (this.#failed) return;
      for (const piece of pieces) await this.#write(piece);
      this.#waiting -= blockBytes;
      await turn();
    });
    this.#work.catch(() => {
      this.#failed = true;
    });
  }

  async #write({ first, bytes }: Chunk): Promise<void> {
    let from = -1;
    const pages = bytes.length / pageBytes;
    for (let n = 0; n <= pages; n++) {
      const changed = n < pages && this.#isChanged(first + n, bytes.subarray(n * pageBytes, (n + 1) * pageBytes));
      if (changed && from < 0) from = n;
      if (!changed && from >= 0) {
        await this.#sink.add(first + from, bytes.subarray(from * pageBytes, n * pageBytes));
        from = -1;
      }
    }
  }

  /** Whether a page has data to be written. */
  #isChanged(page: number, bytes: Buffer): boolean {
    if (isZeroPage(bytes)) {
      if (this.#below.isZero(page)) return false;
      this.#runs.add(page, 'zero');
      this.#changes.push([page, null]);
      return false;
    }
    const digest = pageDigest(bytes);
    if (this.#below.equals(page, digest)) return false;
    this.#runs.add(page, 'data');
    this.#digests.push(digest);
    this.#changes.push([page, digest]);
    return true;
  }
}

/** Where pages with data go, in ascending order. */
interface DataSink {
  add(page: number, bytes: Buffer): Promise<void>;
  /** `runs`: all that the level says. */
  finish(
    runs: readonly PageRun[],
  ): Promise<{ readonly name: string; readonly record: FileRecord; readonly blocks: readonly number[] }>;
  abandon(): Promise<void>;
}

/** Blocks of zstd, one after the other. Two are compressed at once. */
class BlockSink implements DataSink {
  readonly #file: FileHandle;
  readonly #digests: Buffer[] = [];
  readonly #blocks: number[] = [];
  #block = Buffer.allocUnsafeSlow(blockBytes);
  #used = 0;
  #bytes = 0;
  #before: Promise<void> = Promise.resolve();
  #last: Promise<void> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async add(_page: number, bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const count = bytes.copy(this.#block, this.#used, done);
      done += count;
      this.#used += count;
      if (this.#used === blockBytes) await this.#flush();
    }
  }

  async finish(): ReturnType<DataSink['finish']> {
    await this.#flush();
    await this.#last;
    await this.#file.close();
    const record = { bytes: this.#bytes, sha256: digestOfDigests(this.#digests) };
    return { name: 'memory', record, blocks: this.#blocks };
  }

  async abandon(): Promise<void> {
    await this.#last.catch(() => {});
    await this.#file.close().catch(() => {});
  }

  async #flush(): Promise<void> {
    if (this.#used === 0) return;
    const compressed = compress(this.#block.subarray(0, this.#used), level);
    const last = this.#last;
    this.#last = (async () => {
      const block = await compressed;
      const digest = await digestElsewhere(block);
      await last;
      this.#digests.push(digest);
      this.#blocks.push(block.length);
      await writeAll(this.#file, block, this.#bytes);
      this.#bytes += block.length;
    })();
    this.#last.catch(() => {});
    await this.#before;
    this.#before = this.#last;
    this.#block = Buffer.allocUnsafeSlow(blockBytes);
    this.#used = 0;
  }
}

/** The memory itself, with holes where it is zero. */
class ImageSink implements DataSink {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #bytes: number;

  constructor(file: FileHandle, path: string, bytes: number) {
    this.#file = file;
    this.#path = path;
    this.#bytes = bytes;
  }

  async add(page: number, bytes: Buffer): Promise<void> {
    await writeAll(this.#file, bytes, page * pageBytes);
  }

  async finish(runs: readonly PageRun[]): ReturnType<DataSink['finish']> {
    await this.#file.truncate(this.#bytes);
    await this.#file.close();
    return { name: 'image', record: await recordFile(this.#path, rangesOf(runs)), blocks: [] };
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
