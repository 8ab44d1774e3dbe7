import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { MachineRefused } from '../../driver.ts';
import type { Field } from '../frames.ts';
import { attempt, atWorkingDirectory as here, bytesAsText, call, CallFailed, open, pieceBytes } from './calls.ts';
import type { GuestStat } from './guest-stat.ts';
import { entriesOf, statCall, statOf } from './guest-stat.ts';
import type { Session } from './session.ts';

/** Permission bits and owner of what is written. */
export interface FileAttributes {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Where a path leads. */
export interface Place {
  /** Without a link or `..` in it; a character for each byte. */
  readonly path: string;
  /** What is there; null: nothing. */
  readonly stat: GuestStat | null;
  /** Each directory on the way that exists, `/` first, and itself where it is one. */
  readonly ancestors: readonly GuestStat[];
}

const mostLinks = 40;
const mostPathBytes = 4096;

/** Follows every link; what does not exist is taken as it is written. The session's root is never left. */
export async function findPlace(session: Session, path: Field): Promise<Place> {
  let todo = partsOf(bytesAsText(path));
  let links = 0;
  const root = statOf(await session.call('statx', ...statCall('/').arguments));
  if (root === null) throw new MachineRefused('the machine has no root');
  let done: { readonly name: string; readonly stat: GuestStat | null }[] = [];
  const standing = (): GuestStat | null => (done.length === 0 ? root : (done.at(-1)?.stat ?? null));
  for (;;) {
    const [first] = todo;
    if (first === undefined) break;
    if (first === '..') {
      done.pop();
      todo = todo.slice(1);
      continue;
    }
    // Below what is missing, or is no directory, nothing is.
    if (standing()?.kind !== 'directory') {
      done.push({ name: first, stat: null });
      todo = todo.slice(1);
      continue;
    }
    const upwards = todo.indexOf('..');
    const names = upwards < 0 ? todo : todo.slice(0, upwards);
    const above = done.map(({ name }) => `/${name}`).join('');
    const paths = names.map((_, n) => `${above}/${names.slice(0, n + 1).join('/')}`);
    if (paths.some((one) => one.length >= mostPathBytes)) throw new MachineRefused('a path is too long');
    const results = await session.run(
      paths.flatMap((one) => [
        statCall(one),
        attempt('readlinkat', here, one, { filled: mostPathBytes }, mostPathBytes),
      ]),
    );
    for (const [n, name] of names.entries()) {
      const stat = standing()?.kind === 'directory' ? statOf(results[2 * n]) : null;
      todo = todo.slice(1);
      if (stat?.kind !== 'link') {
        done.push({ name, stat });
        continue;
      }
      if (++links > mostLinks) throw new MachineRefused(`${String(path)}: Too many levels of symbolic links`);
      const target = results[2 * n + 1]?.rooms[0]?.toString('latin1') ?? '';
      if (target.startsWith('/')) done = [];
      todo = [...partsOf(target), ...todo];
      break;
    }
  }
  const missing = done.findIndex(({ stat }) => stat?.kind !== 'directory');
  const directories = missing < 0 ? done : done.slice(0, missing);
  return {
    path: `/${done.map(({ name }) => name).join('/')}`,
    stat: standing(),
    ancestors: [root, ...directories.flatMap(({ stat }) => (stat === null ? [] : [stat]))],
  };
}

/** A file's content. */
export async function readGuestFile(session: Session, path: string): Promise<Buffer> {
  const read = call('read', { resultOf: 0 }, { filled: pieceBytes }, pieceBytes);
  // The second finds nothing more in most files.
  const [opened, ...results] = await session
    .run([call('openat', here, path, open.read, 0), read, read])
    .catch((error: unknown) => {
      if (error instanceof CallFailed && error.at > 0) session.close(error.results[0]?.value ?? -1);
      throw error;
    });
  const fd = opened?.value ?? -1;
  const chunks = results.map(({ rooms }) => rooms[0] ?? Buffer.alloc(0));
  while ((chunks.at(-1)?.length ?? 0) > 0) {
    chunks.push((await session.call('read', fd, { filled: pieceBytes }, pieceBytes)).rooms[0] ?? Buffer.alloc(0));
  }
  session.close(fd);
  return Buffer.concat(chunks);
}

/** Replaces or makes a file, at once. */
export async function replaceGuestFile(
  session: Session,
  file: { readonly path: string; readonly content: Field; readonly attributes: FileAttributes },
): Promise<void> {
  const { path, content, attributes } = file;
  const bytes = Buffer.from(content as string);
  const staged = `${path}.layer-${randomUUID()}`;
  try {
    const [opened] = await session.run([call('openat', here, staged, open.create, 0o600)]);
    const fd = opened?.value ?? -1;
    await writeAll(session, fd, bytes);
    await session.run([
      call('fchown', fd, attributes.uid, attributes.gid),
      call('fchmod', fd, attributes.mode),
      call('close', fd),
      call('renameat2', here, staged, here, path, 0),
    ]);
  } catch (error) {
    if (error instanceof CallFailed) await session.call('unlinkat', here, staged, 0).catch(() => {});
    throw error;
  }
}

/** Writes all of some bytes to an open file. */
export async function writeAll(session: Session, fd: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.subarray(at, at + pieceBytes);
    at += (await session.run([call('write', fd, piece, piece.length)]))[0]?.value ?? 0;
  }
}

/** Makes a directory and those above it, where they are missing, all with these attributes. */
export async function makeGuestDirectory(session: Session, place: Place, attributes: FileAttributes): Promise<void> {
  const parts = partsOf(place.path);
  const missing = parts
    .slice(place.ancestors.length - 1)
    .map((_, n) => `/${parts.slice(0, place.ancestors.length + n).join('/')}`);
  for (const path of missing) {
    try {
      await session.run([
        call('mkdirat', here, path, 0o700),
        call('fchownat', here, path, attributes.uid, attributes.gid, 0),
        call('fchmodat', here, path, attributes.mode),
      ]);
    } catch (error) {
      // Somebody else made it meanwhile.
      if (!(error instanceof CallFailed && error.code === 'EEXIST')) throw error;
      if (statOf((await session.run([statCall(path)]))[0])?.kind !== 'directory')
        throw new MachineRefused(`${path}: Not a directory`);
    }
  }
}

/** What an open directory holds. */
export async function listGuestDirectory(session: Session, fd: number): Promise<ReturnType<typeof entriesOf>> {
  const all: ReturnType<typeof entriesOf>[] = [];
  for (;;) {
    const [listed] = await session.run([call('getdents64', fd, { filled: pieceBytes }, pieceBytes)]);
    const entries = listed?.rooms[0];
    if (entries === undefined || entries.length === 0) return all.flat();
    all.push(entriesOf(entries));
  }
}

const removeDirectory = 0x200;

/** Removes what is at a name in an open directory, with all that is in it; no link is followed. */
export async function removeGuestTree(session: Session, directory: number, name: string): Promise<void> {
  const { value } = await attemptOne(session, attempt('unlinkat', directory, name, 0));
  if (value === 0 || value === -noEntry) return;
  const inside = (await session.run([call('openat', directory, name, open.directoryNoLink, 0)]))[0]?.value ?? -1;
  for (const { name: below } of await listGuestDirectory(session, inside))
    await removeGuestTree(session, inside, below);
  await session.run([call('close', inside), call('unlinkat', directory, name, removeDirectory)]);
}

const noEntry = 2;

async function attemptOne(session: Session, one: ReturnType<typeof attempt>): Promise<{ readonly value: number }> {
  const [result] = await session.run([one]);
  return result ?? { value: -noEntry };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
