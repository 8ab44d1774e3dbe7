import { Buffer } from 'node:buffer';
import { MachineRefused } from '../../driver.ts';
import type { Call, Result } from './calls.ts';
import { attempt, atWorkingDirectory as here, call, open, pieceBytes } from './calls.ts';
import type { Place } from './guest-files.ts';
import { listGuestDirectory } from './guest-files.ts';
import type { GuestStat } from './guest-stat.ts';
import { knownStatCall, statOf } from './guest-stat.ts';
import type { Session } from './session.ts';
import type { TarEntry } from './tar-entry.ts';
import { encodeTarHeader, tarEnd, tarPadding } from './tar-writer.ts';

/** How many entries of a directory are looked at together. */
const together = 64;
const mostNamesBytes = 1 << 16;
const mostLinkBytes = 4096;
/** Pieces of a big file that are asked for ahead. */
const ahead = 3;

const types: Readonly<Record<GuestStat['kind'], TarEntry['type'] | null>> = {
  ...{ file: 'file', directory: 'directory', link: 'link', character: 'character', block: 'block', pipe: 'pipe' },
  socket: null,
};

/**
 * What a session's machine shows at a place, as a tar archive, in chunks. What is mounted below it is left out, as by `cp -x`, unless it is one of `views`
 * (their destinations): it belongs to who mounted it. So are sockets.
 */
export async function* packGuestTree(session: Session, place: Place, views: readonly string[]): AsyncGenerator<Buffer> {
  const directory = place.stat?.kind === 'directory';
  const slash = place.path.lastIndexOf('/');
  const above = directory ? place.path : place.path.slice(0, slash) || '/';
  const name = directory ? '.' : place.path.slice(slash + 1);
  const [opened] = await session.run([call('openat', here, above, open.directoryNoLink, 0)]);
  const below = place.path === '/' ? '/' : `${place.path}/`;
  const inside = new Set(views.filter((path) => path.startsWith(below)).map((path) => `./${path.slice(below.length)}`));
  const packing = new Packing(session, (path) => path === name || inside.has(path));
  yield* packing.entries(opened?.value ?? -1, { names: [name], above: '' });
  yield tarEnd;
}

interface Found {
  readonly name: string;
  readonly path: string;
  readonly stat: GuestStat;
  readonly target: string;
  readonly attributes: readonly string[];
}

class Packing {
  readonly #session: Session;
  readonly #hasMount: (path: string) => boolean;
  /** Files of several names, by file system and inode: the path under which they went out. */
  readonly #known = new Map<string, string>();

  /** `hasMount`: whether what is mounted at a path of the archive is of it. */
  constructor(session: Session, hasMount: (path: string) => boolean) {
    this.#session = session;
    this.#hasMount = hasMount;
  }

  #leavesOut({ path, stat }: Found): boolean {
    return stat.mounted && !this.#hasMount(path);
  }

  /** `above`: what comes before the names in the archive. */
  async *entries(
    directory: number,
    { names, above }: { readonly names: readonly string[]; readonly above: string },
  ): AsyncGenerator<Buffer> {
    for (let at = 0; at < names.length; at += together) {
      const found = await this.#look(directory, { names: names.slice(at, at + together), above });
      const contents = await this.#smallContents(directory, found);
      for (const [n, one] of found.entries()) yield* this.#entry(directory, one, contents.get(n) ?? null);
    }
  }

  async *#entry(directory: number, found: Found, content: Buffer | null): AsyncGenerator<Buffer> {
    const { name, path, stat } = found;
    const type = types[stat.kind];
    if (type === null || this.#leavesOut(found)) return;
    const shared = stat.kind !== 'directory' && stat.links > 1;
    const first = shared ? this.#known.get(fileOf(stat)) : undefined;
    if (shared && first === undefined) this.#known.set(fileOf(stat), path);
    const attributes = first === undefined ? await this.#attributes(directory, found) : [];
    const size = type === 'file' && first === undefined ? stat.size : 0;
    const { mode, uid, gid, modified, major, minor } = stat;
    const own = { path, mode, uid, gid, modified, major, minor, size, attributes };
    const header = encodeTarHeader({
      ...own,
      type: first === undefined ? type : 'hard link',
      target: first ?? found.target,
    });
    if (size > 0 && content !== null) yield Buffer.concat([header, content, tarPadding(size)]);
    else yield header;
    if (size > 0 && content === null) yield* this.#bigContent(directory, name, size);
    if (type !== 'directory') return;
    const [opened] = await this.#session.run([call('openat', directory, name, open.directoryNoLink, 0)]);
    const inside = opened?.value ?? -1;
    const names = (await listGuestDirectory(this.#session, inside)).map((one) => one.name);
    yield* this.entries(inside, { names, above: `${path}/` });
    await this.#session.call('close', inside);
  }

  async #look(
    directory: number,
    { names, above }: { readonly names: readonly string[]; readonly above: string },
  ): Promise<readonly Found[]> {
    const results = await this.#session.run([
      call('fchdir', directory),
      ...names.flatMap((name) => [
        knownStatCall(name),
        attempt('readlinkat', here, name, { filled: mostLinkBytes }, mostLinkBytes),
        attempt('llistxattr', name, { filled: mostNamesBytes }, mostNamesBytes),
      ]),
    ]);
    return names.map((name, n) => {
      const [known, link, attributes] = results.slice(1 + 3 * n);
      const stat = statOf(known);
      if (stat === null) throw new MachineRefused(`${name} is gone`);
      return {
        ...{ name, path: `${above}${name}`, stat, target: textOf(link) },
        attributes: textOf(attributes)
          .split('\0')
          .filter((one) => one !== ''),
      };
    });
  }

  async #attributes(directory: number, found: Found): Promise<TarEntry['attributes']> {
    if (found.attributes.length === 0) return [];
    const room = { filled: pieceBytes };
    const results = await this.#session.run([
      call('fchdir', directory),
      ...found.attributes.map((attribute) => attempt('lgetxattr', found.name, attribute, room, pieceBytes)),
    ]);
    return found.attributes.flatMap((name, n) => {
      const result = results[1 + n];
      return result === undefined || result.value < 0 ? [] : [{ name, value: result.rooms[0] ?? Buffer.alloc(0) }];
    });
  }

  /** The content of the small files among those that were found, as many as are worth one batch; by their places. */
  async #smallContents(directory: number, found: readonly Found[]): Promise<ReadonlyMap<number, Buffer>> {
    const places: number[] = [];
    const batch: Call[] = [];
    let bytes = 0;
    for (const [n, one] of found.entries()) {
      const { name, stat } = one;
      if (stat.kind !== 'file' || stat.size === 0 || bytes + stat.size > 4 * pieceBytes) continue;
      if (this.#leavesOut(one) || (stat.links > 1 && this.#known.has(fileOf(stat)))) continue;
      const file = { resultOf: batch.length };
      places.push(n);
      bytes += stat.size;
      batch.push(
        call('openat', directory, name, open.readNoLink, 0),
        call('read', file, { filled: stat.size }, stat.size),
        call('close', file),
      );
    }
    const results = await this.#session.run(batch);
    return new Map(places.map((n, at) => [n, toSize(results[3 * at + 1], found[n]?.stat.size ?? 0)]));
  }

  async *#bigContent(directory: number, name: string, size: number): AsyncGenerator<Buffer> {
    const [opened] = await this.#session.run([call('openat', directory, name, open.readNoLink, 0)]);
    const fd = opened?.value ?? -1;
    const read = (): Promise<Result> => {
      const asked = this.#session.call('read', fd, { filled: pieceBytes }, pieceBytes);
      asked.catch(() => {});
      return asked;
    };
    const asked: Promise<Result>[] = [];
    let left = size;
    for (let piece: Buffer | undefined; left > 0; left -= piece?.length ?? 0) {
      while (asked.length < ahead && asked.length * pieceBytes < left) asked.push(read());
      piece = (await asked.shift())?.rooms[0]?.subarray(0, left);
      if (piece === undefined || piece.length === 0) break;
      yield piece;
    }
    await Promise.all(asked);
    await this.#session.call('close', fd);
    // It has become shorter: what is missing is zeros, as tar(1) has it.
    for (; left > 0; left -= Math.min(left, pieceBytes)) yield Buffer.alloc(Math.min(left, pieceBytes));
    yield tarPadding(size);
  }
}

function fileOf({ device, inode }: GuestStat): string {
  return `${device} ${inode}`;
}

function toSize(result: Result | undefined, size: number): Buffer {
  const content = result?.rooms[0] ?? Buffer.alloc(0);
  return content.length === size ? content : Buffer.concat([content, Buffer.alloc(size - content.length)]);
}

function textOf(result: Result | undefined): string {
  return result === undefined || result.value < 0 ? '' : (result.rooms[0]?.toString('latin1') ?? '');
}
