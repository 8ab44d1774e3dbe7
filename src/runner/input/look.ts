import { hash } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import type { TreeEntry } from '../view/tree.ts';
import type { DiskStat } from './disk.ts';
import { isSettled } from './stat-cache.ts';

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
  readonly lists: readonly KnownList[];
  readonly links: readonly (readonly [path: string, target: string | null])[];
}

/**
 * A directory that was read: a hash of the names and kinds in it, null where it could not be read; and its mtime and ctime (milliseconds), inode and device
 * before that, where it had rested: as long as these are the same, so are the names. Null where it is to be read again.
 */
export type KnownList = readonly [path: string, names: string | null, numbers: readonly number[] | null];

/** See `Look.numbers`. */
export const numbersPerPath = 5;
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
  if (list !== undefined) return sameList(list);
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

function sameList([path, names, numbers]: KnownList): boolean {
  if (numbers !== null) {
    try {
      const { mtimeMs, ctimeMs, ino, dev } = lstatSync(path);
      if (mtimeMs === numbers[0] && ctimeMs === numbers[1] && ino === numbers[2] && dev === numbers[3]) return true;
    } catch {
      // Then it cannot be read either.
    }
  }
  return listingAt(path) === names;
}

/** Of a directory's names, each behind its kind's letter, sorted; what is neither file, directory nor link is left out. */
function listingAt(path: string): string | null {
  try {
    const names: string[] = [];
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : entry.isSymbolicLink() ? 'link' : null;
      if (kind !== null) names.push(letters[kind] + entry.name);
    }
    return digestOf(names);
  } catch {
    return null;
  }
}

function digestOf(names: string[]): string {
  return hash('sha256', names.sort().join('/'), 'base64');
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
  readonly #lists: KnownList[] = [];
  readonly #links: [string, string | null][] = [];
  #doubtful = false;

  stat(path: string, stat: DiskStat | null): void {
    this.#paths.push(this.#plain(path));
    this.#stats.push(stat);
  }

  /** `before` is the directory's stat, taken at `atMs` before it was read; null where it does not tell whether the names change. */
  list(
    path: string,
    entries: readonly { readonly name: string; readonly kind: TreeEntry['kind'] }[] | null,
    before: { readonly stat: DiskStat | null; readonly atMs: number },
  ): void {
    const names = entries?.map(({ name, kind }) => letters[kind] + this.#plain(name));
    const { stat, atMs } = before;
    const rested = stat !== null && names !== undefined && isSettled(stat, atMs);
    const numbers = rested
      ? [millisecondsOf(stat.mtimeNs), millisecondsOf(stat.ctimeNs), Number(stat.inode), Number(stat.device)]
      : null;
    this.#lists.push([this.#plain(path), names === undefined ? null : digestOf(names), numbers]);
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
  const lists = joined(one.lists, other.lists);
  const links = joined(one.links, other.links);
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

/** What is known of a path stands second. */
function joined<T extends readonly [path: string, what: string | null, ...rest: readonly unknown[]]>(
  one: readonly T[],
  other: readonly T[],
): readonly T[] | null {
  const known = new Map(one.map(([path, what]) => [path, what]));
  if (other.some(([path, what]) => known.has(path) && known.get(path) !== what)) return null;
  return [...one, ...other.filter(([path]) => !known.has(path))];
}
