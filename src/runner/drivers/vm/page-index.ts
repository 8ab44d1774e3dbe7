/** Guest memory is counted in these. */
export const pageBytes = 4096;
/** Of a page's digest; see `pageDigest`. */
export const digestBytes = 16;

const magic = 'layer pages 1\n\0\0';
const headerBytes = 32;

/** Consecutive pages: all zero, or with data that follows that of the run before. */
export interface PageRun {
  readonly first: number;
  readonly count: number;
  readonly zero: boolean;
}

/** What the pages of one saved level are, in ascending order; their data lies elsewhere. */
export interface PageIndex {
  /** Of the machine, not of the level. */
  readonly totalPages: number;
  readonly runs: readonly PageRun[];
  /** `digestBytes` a page with data, in order; empty where the level was saved without. */
  readonly digests: Buffer;
  /** Compressed bytes of each block of data, in order; empty where data is not in blocks. */
  readonly blocks: readonly number[];
}

/**
 * A file `pages`: 16 bytes of name and version, then little-endian 32-bit numbers: pages of the machine, runs, bytes of digests, blocks; then each
 * run's first page and its count (the top bit set: all zero), the digests, and each block's length.
 */
export function encodePageIndex(index: PageIndex): Buffer {
  const { runs, digests, blocks } = index;
  const encoded = Buffer.alloc(headerBytes + runs.length * 8 + digests.length + blocks.length * 4);
  encoded.write(magic, 0, 'latin1');
  let at = 16;
  const put = (value: number): void => {
    at = encoded.writeUInt32LE(value, at);
  };
  for (const value of [index.totalPages, runs.length, digests.length, blocks.length]) put(value);
  for (const run of runs) {
    put(run.first);
    put(run.count + (run.zero ? 2 ** 31 : 0));
  }
  at += digests.copy(encoded, at);
  for (const length of blocks) put(length);
  return encoded;
}

/** The index that a file holds; null where it holds none that makes sense. */
export function decodePageIndex(encoded: Buffer): PageIndex | null {
  if (encoded.length < headerBytes || encoded.toString('latin1', 0, 16) !== magic) return null;
  const [totalPages = 0, runCount = 0, digestLength = 0, blockCount = 0] = [16, 20, 24, 28].map((at) =>
    encoded.readUInt32LE(at),
  );
  if (encoded.length !== headerBytes + runCount * 8 + digestLength + blockCount * 4) return null;
  const runs: PageRun[] = [];
  let end = 0;
  for (let n = 0; n < runCount; n++) {
    const first = encoded.readUInt32LE(headerBytes + n * 8);
    const mark = encoded.readUInt32LE(headerBytes + n * 8 + 4);
    const count = mark % 2 ** 31;
    if (first < end || count === 0 || first + count > totalPages) return null;
    end = first + count;
    runs.push({ first, count, zero: mark >= 2 ** 31 });
  }
  const digestsAt = headerBytes + runCount * 8;
  const blocksAt = digestsAt + digestLength;
  const blocks = Array.from({ length: blockCount }, (_, n) => encoded.readUInt32LE(blocksAt + n * 4));
  return { totalPages, runs, digests: encoded.subarray(digestsAt, blocksAt), blocks };
}

/** Where the pages with data of some runs lie in a memory image, in bytes. */
export function rangesOf(runs: readonly PageRun[]): readonly (readonly [start: number, end: number])[] {
  return runs
    .filter(({ zero }) => !zero)
    .map(({ first, count }) => [first * pageBytes, (first + count) * pageBytes] as const);
}

/** Collects pages, given in ascending order, into runs. */
export class RunBuilder {
  readonly runs: PageRun[] = [];
  #first = 0;
  #count = 0;
  #zero = false;

  add(page: number, kind: 'data' | 'zero'): void {
    const zero = kind === 'zero';
    if (this.#count > 0 && page === this.#first + this.#count && zero === this.#zero) {
      this.#count++;
      return;
    }
    this.end();
    [this.#first, this.#count, this.#zero] = [page, 1, zero];
  }

  /** Ends the run that was being collected; all of them. */
  end(): readonly PageRun[] {
    if (this.#count > 0) this.runs.push({ first: this.#first, count: this.#count, zero: this.#zero });
    this.#count = 0;
    return this.runs;
  }
}
