import { Buffer } from 'node:buffer';
import { MachineRefused } from '../../driver.ts';
import type { TarEntry } from './tar-entry.ts';
import { attributePrefix, blockBytes, headerFields, tarTypes } from './tar-entry.ts';

/** Longer than any header of names and attributes. */
const mostHeaderBytes = 1 << 24;

/** What the headers before an entry say of it: pax records by name, a character for each byte. */
type Records = ReadonlyMap<string, Buffer>;

/** Reads a tar archive (pax, or GNU tar's own) from a stream, entry by entry. Throws `MachineRefused` where it is none, or ends too early. */
export class TarReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(archive: AsyncIterable<Uint8Array>) {
    this.#chunks = archive[Symbol.asyncIterator]();
  }

  /** The next entry; its content must be read before the one after it. Null at the archive's end, when all of the stream has been read. */
  async next(): Promise<TarEntry | null> {
    const records = new Map<string, Buffer>();
    for (;;) {
      const header = await this.#take(blockBytes);
      const type = text(header, 'type');
      if (header[0] === 0 && type === '') return this.#readToTheEnd();
      if (!text(header, 'magic').startsWith('ustar')) throw new MachineRefused('this is no tar archive');
      const size = number(header, 'size');
      if (!['x', 'g', 'L', 'K'].includes(type)) return entryOf(header, type, records);
      if (size > mostHeaderBytes) throw new MachineRefused('the archive has a header that is too long');
      const content = (await this.#take(padded(size))).subarray(0, size);
      if (type === 'x') takeRecords(content, records);
      if (type === 'L') records.set('path', upToZero(content));
      if (type === 'K') records.set('linkpath', upToZero(content));
    }
  }

  /** An entry's content, in pieces of at most `most` bytes; read it to its end. */
  async *content(size: number, most: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      const piece = await this.#take(Math.min(left, most));
      yield piece;
      left -= piece.length;
    }
    await this.#take(padded(size) - size);
  }

  async #take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let missing = length; missing > 0;) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) throw new MachineRefused('the archive ends too early');
        this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      }
      const part = this.#rest.subarray(0, missing);
      parts.push(part);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  async #readToTheEnd(): Promise<null> {
    while ((await this.#chunks.next()).done !== true) continue;
    return null;
  }
}

function entryOf(header: Buffer, letter: string, records: Records): TarEntry {
  const type = letter === '' || letter === '7' ? 'file' : tarTypes[Number(letter)];
  if (type === undefined || letter === ' ') throw new MachineRefused('the archive has an entry of an unknown kind');
  // Only POSIX has a prefix there: GNU's magic ends in a space.
  const prefix = text(header, 'magic') === 'ustar' ? text(header, 'prefix') : '';
  const name = text(header, 'name');
  const numeric = (record: string, field: keyof typeof headerFields): number =>
    records.has(record) ? Number(records.get(record)?.toString()) : number(header, field);
  return {
    path: records.get('path')?.toString('latin1') ?? (prefix === '' ? name : `${prefix}/${name}`),
    type,
    target: records.get('linkpath')?.toString('latin1') ?? text(header, 'link'),
    mode: number(header, 'mode') & 0o7777,
    uid: numeric('uid', 'uid'),
    gid: numeric('gid', 'gid'),
    size: numeric('size', 'size'),
    modified: timeOf(records.get('mtime')?.toString() ?? String(number(header, 'mtime'))),
    major: number(header, 'major'),
    minor: number(header, 'minor'),
    attributes: [...records]
      .filter(([key]) => key.startsWith(attributePrefix))
      .map(([key, value]) => ({ name: key.slice(attributePrefix.length), value })),
  };
}

function takeRecords(content: Buffer, records: Map<string, Buffer>): void {
  for (let at = 0; at < content.length;) {
    const space = content.indexOf(' ', at);
    const size = Number(content.toString('latin1', at, space));
    const equals = content.indexOf('=', space);
    const end = at + size;
    if (space < 0 || !(size > 0) || end > content.length || equals < 0 || equals >= end)
      throw new MachineRefused('the archive has a malformed header');
    records.set(content.toString('latin1', space + 1, equals), content.subarray(equals + 1, end - 1));
    at = end;
  }
}

function timeOf(written: string): TarEntry['modified'] {
  const [whole = '0', fraction = ''] = written.split('.');
  const nanoseconds = BigInt(fraction.padEnd(9, '0').slice(0, 9));
  const size = BigInt(whole.replace('-', '')) * 1_000_000_000n + nanoseconds;
  const total = written.startsWith('-') ? -size : size;
  const within = BigInt.asUintN(
    64,
    total % 1_000_000_000n < 0n ? (total % 1_000_000_000n) + 1_000_000_000n : total % 1_000_000_000n,
  );
  return { seconds: (total - within) / 1_000_000_000n, nanoseconds: Number(within) };
}

function text(header: Buffer, field: keyof typeof headerFields): string {
  const [at, length] = headerFields[field];
  return upToZero(header.subarray(at, at + length)).toString('latin1');
}

function upToZero(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}

/** Octal digits, or (GNU) a binary number behind a first bit. */
function number(header: Buffer, field: keyof typeof headerFields): number {
  const [at, length] = headerFields[field];
  if (((header[at] ?? 0) & 0x80) === 0) return Number.parseInt(text(header, field).trim() || '0', 8);
  return header.subarray(at + 1, at + length).reduce((total, byte) => total * 256 + byte, 0);
}

function padded(size: number): number {
  return Math.ceil(size / blockBytes) * blockBytes;
}
