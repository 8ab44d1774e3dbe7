import { Buffer } from 'node:buffer';
import { createHmac } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { TreeEntry } from '../view/tree.ts';
import type { DiskStat } from './disk.ts';

/**
 * Everything that a live tree saw of the disk, by absolute path, so that the disk can be asked whether all of it would be seen again. That is
 * much quicker than to check what was concluded from it: numbers are compared with numbers, in the order in which they lie.
 */
export interface Look {
  /** What was stat'ed. */
  readonly paths: readonly string[];
  /** By path: `kinds`. */
  readonly kinds: Uint8Array;
  /**
   * By path, of files: size, mtime and ctime in milliseconds, inode and device, as `lstat` gives them without big integers, which take a third of the
   * time. What is cut off below a quarter of a microsecond tells nothing: a look is only kept of files that had rested for two seconds (`doubt`), and
   * whatever touches them later gives them a ctime after that.
   */
  readonly numbers: Float64Array;
  /** Directories that were read, and what was in them as `listing` has it; null where they could not be read. */
  readonly lists: readonly (readonly [path: string, listing: string | null])[];
  readonly links: readonly (readonly [path: string, target: string | null])[];
}

/** A look on disk, with what was concluded from it. */
export interface SavedLook extends Look {
  /** What decides, besides the disk, what the tree shows: its root and its rules. */
  readonly identity: string;
  /** Conclusions by subject: why not, or how many observations hold. */
  readonly verdicts: Readonly<Record<string, string | number>>;
}

const numbersPerPath = 5;
const kinds = { absent: 0, directory: 1, link: 2, file: 3, executable: 4 } as const;
const letters: { readonly [K in TreeEntry['kind']]: string } = { directory: 'd', link: 'l', file: 'f' };

const typeBits = 0o170000;
const types = { directory: 0o040000, link: 0o120000, file: 0o100000 } as const;

/** How many questions a look is: `sameAt` answers each. */
export function questionsIn(look: Look): number {
  return look.paths.length + look.lists.length + look.links.length;
}

/** Whether the disk answers a question of a look, by its number, as it did. Touches nothing else. */
export function sameAt(look: Look, question: number): boolean {
  const path = look.paths[question];
  if (path !== undefined) return sameStat(look, question, path);
  const list = look.lists[question - look.paths.length];
  if (list !== undefined) return listingAt(list[0]) === list[1];
  const link = look.links[question - look.paths.length - look.lists.length];
  return link !== undefined && targetAt(link[0]) === link[1];
}

function sameStat({ kinds: known, numbers }: Look, index: number, path: string): boolean {
  let stats;
  try {
    stats = lstatSync(path, { throwIfNoEntry: false });
  } catch {
    // Whatever the system refuses is nothing for a tree.
  }
  if (stats === undefined) return known[index] === kinds.absent;
  const { mode } = stats;
  switch (mode & typeBits) {
    case types.directory:
      return known[index] === kinds.directory;
    case types.link:
      return known[index] === kinds.link;
    case types.file: {
      const at = index * numbersPerPath;
      return (
        known[index] === ((mode & 0o111) === 0 ? kinds.file : kinds.executable) &&
        numbers[at] === stats.size &&
        numbers[at + 1] === stats.mtimeMs &&
        numbers[at + 2] === stats.ctimeMs &&
        numbers[at + 3] === stats.ino &&
        numbers[at + 4] === stats.dev
      );
    }
    default:
      return known[index] === kinds.absent;
  }
}

const nsPerSecond = 1_000_000_000n;

/** A time as Node makes milliseconds of it, to the last bit: seconds, and the nanoseconds since then, each for itself. */
function millisecondsOf(ns: bigint): number {
  const rest = ((ns % nsPerSecond) + nsPerSecond) % nsPerSecond;
  return Number((ns - rest) / nsPerSecond) * 1000 + Number(rest) / 1_000_000;
}

/** A directory's names, each behind its kind's letter, sorted; what is neither file, directory nor link is left out. */
function listingAt(path: string): string | null {
  try {
    const names: string[] = [];
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'link' : null;
      if (kind !== null) names.push(letters[kind] + entry.name);
    }
    return names.sort().join('/');
  } catch {
    return null;
  }
}

function targetAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** Writes down what a live tree sees while it sees it. */
export class LookRecorder {
  readonly #paths: string[] = [];
  readonly #stats: (DiskStat | null)[] = [];
  readonly #lists: [string, string | null][] = [];
  readonly #links: [string, string | null][] = [];
  #doubtful = false;

  stat(path: string, stat: DiskStat | null): void {
    this.#paths.push(this.#plain(path));
    this.#stats.push(stat);
  }

  list(path: string, entries: readonly { readonly name: string; readonly kind: TreeEntry['kind'] }[] | null): void {
    const names = entries?.map(({ name, kind }) => letters[kind] + this.#plain(name));
    this.#lists.push([this.#plain(path), names?.sort().join('/') ?? null]);
  }

  link(path: string, target: string | null): void {
    this.#links.push([this.#plain(path), target === null ? null : this.#plain(target)]);
  }

  /** The same numbers need not mean the same content later: this look is good for once. */
  doubt(): void {
    this.#doubtful = true;
  }

  /** All that was seen; null where it does not tell whether it would be seen again. */
  look(): Look | null {
    if (this.#doubtful) return null;
    const numbers = new Float64Array(this.#stats.length * numbersPerPath);
    this.#stats.forEach((stat, index) => {
      if (stat?.kind !== 'file') return;
      const { sizeBytes, mtimeNs, ctimeNs, inode, device } = stat;
      const all = [sizeBytes, millisecondsOf(mtimeNs), millisecondsOf(ctimeNs), Number(inode), Number(device)];
      numbers.set(all, index * numbersPerPath);
    });
    const codes = Uint8Array.from(this.#stats, (stat) => {
      if (stat === null) return kinds.absent;
      return stat.kind === 'file' && stat.executable ? kinds.executable : kinds[stat.kind];
    });
    return { paths: [...this.#paths], kinds: codes, numbers, lists: [...this.#lists], links: [...this.#links] };
  }

  /** Names that UTF-8 cannot hold are asked for in another way than these, and paths are kept with NULs between them. */
  #plain(text: string): string {
    if (!text.isWellFormed() || text.includes('\ufffd') || text.includes('\0')) this.#doubtful = true;
    return text;
  }
}

/** Both looks in one, where `one` has just been found to be so still; null where they contradict each other. */
export function joinLooks(one: Look, other: Look): Look | null {
  const known = new Map(one.paths.map((path, index) => [path, index]));
  const numbersAt = (look: Look, index: number): Float64Array =>
    look.numbers.subarray(index * numbersPerPath, (index + 1) * numbersPerPath);
  const fresh: number[] = [];
  for (const [index, path] of other.paths.entries()) {
    const at = known.get(path);
    if (at === undefined) fresh.push(index);
    else if (one.kinds[at] !== other.kinds[index]) return null;
    else if (!numbersAt(other, index).every((number, place) => number === numbersAt(one, at)[place])) return null;
  }
  const lists = joinPairs(one.lists, other.lists);
  const links = joinPairs(one.links, other.links);
  if (lists === null || links === null) return null;
  const numbers = new Float64Array(one.numbers.length + fresh.length * numbersPerPath);
  numbers.set(one.numbers);
  fresh.forEach((index, place) => numbers.set(numbersAt(other, index), one.numbers.length + place * numbersPerPath));
  return {
    paths: [...one.paths, ...fresh.map((index) => other.paths[index] ?? '')],
    kinds: Uint8Array.from([...one.kinds, ...fresh.map((index) => other.kinds[index] ?? kinds.absent)]),
    ...{ numbers, lists, links },
  };
}

type Pairs = readonly (readonly [path: string, what: string | null])[];

function joinPairs(one: Pairs, other: Pairs): Pairs | null {
  const known = new Map(one);
  if (other.some(([path, what]) => known.has(path) && known.get(path) !== what)) return null;
  return [...one, ...other.filter(([path]) => !known.has(path))];
}

const magic = 'layer-l2';
const sealBytes = 32;
/** Magic, seal, number of paths, bytes of the rest and of the paths, and four to align. */
const headerBytes = magic.length + sealBytes + 16;

/**
 * A look as bytes, sealed with a key (hex), since it decides what is skipped: magic, HMAC of all that follows, numbers of paths and of bytes (32 bits each,
 * and four bytes of nothing), numbers (64 bits each), kinds, the rest as JSON, and the paths with a NUL between them.
 * Numbers have the machine's byte order: a look does not travel.
 */
export function encodeLook({ paths, kinds: codes, numbers, ...rest }: SavedLook, key: string): Uint8Array {
  const json = Buffer.from(JSON.stringify(rest));
  const names = Buffer.from(paths.join('\0'));
  const counts = Uint32Array.of(paths.length, json.length, names.length, 0);
  const body = Buffer.concat([
    ...[counts, numbers].map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength)),
    ...[codes, json, names],
  ]);
  return Buffer.concat([Buffer.from(magic, 'latin1'), sealOf(body, key), body]);
}

/** What `encodeLook` made; null where that is something else. Its seal is not looked at. */
export function decodeLook(bytes: Uint8Array): SavedLook | null {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (all.length < headerBytes || all.toString('latin1', 0, magic.length) !== magic) return null;
  const [count = 0, jsonBytes = 0, namesBytes = 0] = [0, 4, 8].map((at) => all.readUInt32LE(headerBytes - 16 + at));
  const kindsAt = headerBytes + count * numbersPerPath * 8;
  const jsonAt = kindsAt + count;
  const namesAt = jsonAt + jsonBytes;
  if (all.length !== namesAt + namesBytes) return null;
  // A copy of its own is aligned.
  const numbers = new Float64Array(new Uint8Array(all.subarray(headerBytes, kindsAt)).buffer);
  const rest = parsed(all.toString('utf8', jsonAt, namesAt));
  const paths = count === 0 ? [] : all.toString('utf8', namesAt).split('\0');
  if (rest === null || paths.length !== count) return null;
  return { ...rest, paths, kinds: all.subarray(kindsAt, jsonAt), numbers };
}

function parsed(json: string): Omit<SavedLook, 'paths' | 'kinds' | 'numbers'> | null {
  try {
    return JSON.parse(json) as Omit<SavedLook, 'paths' | 'kinds' | 'numbers'>;
  } catch {
    return null;
  }
}

/** Whether the bytes of a look were sealed with this key and are as they were written. */
export function isSealedLook(bytes: Uint8Array, key: string): boolean {
  const body = bytes.subarray(magic.length + sealBytes);
  return sealOf(body, key).equals(bytes.subarray(magic.length, magic.length + sealBytes));
}

function sealOf(body: Uint8Array, key: string): Buffer {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(body).digest();
}
