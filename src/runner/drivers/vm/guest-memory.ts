import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { pageBytes } from './page-index.ts';

interface Segment {
  readonly firstPage: number;
  readonly pages: number;
  readonly address: number;
}

/** Bits 62 and 63 of an entry of pagemap, in its upper half: swapped out, present; bit 61: a page of the file, not a copy of its own. */
const swappedOrPresent = 0xc000_0000;
const pageOfFile = 0x2000_0000;

/**
 * The memory of a guest, seen through its QEMU's mapping of the memory image (proc(5): pagemap, mem). The mapping is private, so a page that the guest
 * or QEMU ever wrote is a copy of the process's own, and all others are as in the image. Who reads it must be allowed to trace QEMU: its parent is.
 */
export class GuestMemory implements Disposable {
  readonly pages: number;
  readonly #segments: readonly Segment[];
  readonly #pagemap: number;
  readonly #memory: number;

  private constructor(pages: number, segments: readonly Segment[], pid: number) {
    this.pages = pages;
    this.#segments = segments;
    this.#pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
    try {
      this.#memory = openSync(`/proc/${pid}/mem`, 'r+');
    } catch (error) {
      closeSync(this.#pagemap);
      throw error;
    }
  }

  /** Throws where the process has no such mapping, or has ended. */
  static open(pid: number, memoryBytes: number): GuestMemory {
    const segments = findSegments(readFileSync(`/proc/${pid}/maps`, 'latin1'), memoryBytes);
    if (segments === null) throw new Error(`process ${pid} has no private mapping of ${memoryBytes} bytes`);
    return new GuestMemory(memoryBytes / pageBytes, segments, pid);
  }

  /** First page and number of pages of each run of copies, ascending. */
  privateRuns(): readonly (readonly [first: number, count: number])[] {
    const runs: [number, number][] = [];
    let open: [number, number] | null = null;
    for (const segment of this.#segments) {
      const entries = Buffer.allocUnsafe(segment.pages * 8);
      readFully(this.#pagemap, entries, (segment.address / pageBytes) * 8);
      for (let n = 0; n < segment.pages; n++) {
        const upper = entries.readUInt32LE(n * 8 + 4);
        if ((upper & swappedOrPresent) === 0 || (upper & pageOfFile) !== 0) {
          open = null;
        } else if (open) {
          open[1]++;
        } else {
          open = [segment.firstPage + n, 1];
          runs.push(open);
        }
      }
    }
    return runs;
  }

  /** Fills `into`, whole pages, from a page on. */
  read(page: number, into: Buffer): void {
    this.#eachPart(page, into, (part, address) => readFully(this.#memory, part, address));
  }

  /** Writes whole pages from a page on. Only while the guest does not run. */
  write(page: number, bytes: Buffer): void {
    this.#eachPart(page, bytes, (part, address) => {
      for (let done = 0; done < part.length;) {
        done += writeSync(this.#memory, part, done, part.length - done, address + done);
      }
    });
  }

  [Symbol.dispose](): void {
    closeSync(this.#pagemap);
    closeSync(this.#memory);
  }

  #eachPart(page: number, bytes: Buffer, take: (part: Buffer, address: number) => void): void {
    let next = page;
    const end = page + bytes.length / pageBytes;
    for (const segment of this.#segments) {
      const segmentEnd = segment.firstPage + segment.pages;
      if (next >= end || next >= segmentEnd || next < segment.firstPage) continue;
      const last = Math.min(end, segmentEnd);
      const part = bytes.subarray((next - page) * pageBytes, (last - page) * pageBytes);
      take(part, segment.address + (next - segment.firstPage) * pageBytes);
      next = last;
    }
    if (next !== end) throw new RangeError(`pages ${page} to ${end} are not all in the machine`);
  }
}

/** The mappings of the one file that is mapped privately from its start for exactly this many bytes; the kernel may have split them. */
function findSegments(maps: string, memoryBytes: number): readonly Segment[] | null {
  const files = new Map<string, (Segment & { readonly offset: number })[]>();
  for (const line of maps.split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) rw.p ([0-9a-f]+) (\S+ [1-9]\d*) /.exec(line);
    if (!match) continue;
    const [start = 0, end = 0, offset = 0] = match.slice(1, 4).map((text) => Number.parseInt(text, 16));
    const segments = files.get(match[4] ?? '') ?? [];
    files.set(match[4] ?? '', segments);
    segments.push({ firstPage: offset / pageBytes, pages: (end - start) / pageBytes, address: start, offset });
  }
  for (const segments of files.values()) {
    segments.sort((one, other) => one.offset - other.offset);
    let next = 0;
    for (const segment of segments) next = segment.firstPage === next ? next + segment.pages : Number.NaN;
    if (next * pageBytes === memoryBytes) return segments;
  }
  return null;
}

function readFully(descriptor: number, into: Buffer, position: number): void {
  for (let done = 0; done < into.length;) {
    const count = readSync(descriptor, into, done, into.length - done, position + done);
    if (count === 0) throw new Error('the process has ended');
    done += count;
  }
}
