import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import type { BigIntStats, Dirent } from 'node:fs';
import type { RepoPath } from '../../host.ts';
import { compareNames, decodeName, encodeName } from '../view/names.ts';
import type { TreeEntry } from '../view/tree.ts';

/** What `lstat` says, as far as it can tell that a file is another or has changed. */
export interface DiskStat {
  readonly kind: TreeEntry['kind'];
  readonly executable: boolean;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
  readonly device: bigint;
  readonly mode: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
}

/** An absolute path as `node:fs` takes it: bytes where the name is not UTF-8. */
export function hostPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : encodeName(path);
}

/** The absolute path of something in a working tree. */
export function pathIn(root: string, path: RepoPath): string {
  return path === '' ? root : `${root}/${path}`;
}

/** What is at an absolute path, the last link not followed; null where nothing is that a tree can hold. */
export function statPath(path: string): DiskStat | null {
  try {
    const stats = lstatSync(hostPath(path), { bigint: true, throwIfNoEntry: false });
    return stats === undefined ? null : toDiskStat(stats);
  } catch (error) {
    // A component above is no directory, a loop of links, may not be searched, or a name too long: nothing is there for us.
    if (isSystemError(error)) return null;
    throw error;
  }
}

/** Names and kinds in a directory, in byte order; null where there is none that can be read. Sockets, FIFOs and devices are left out. */
export function listPath(path: string): readonly { readonly name: string; readonly kind: TreeEntry['kind'] }[] | null {
  try {
    const entries = readdirSync(hostPath(path), { withFileTypes: true, encoding: 'utf8' });
    const plain = entries.every((entry) => !entry.name.includes('\ufffd'));
    const named: readonly (readonly [string, Dirent | Dirent<Buffer>])[] = plain
      ? entries.map((entry) => [entry.name, entry] as const)
      : readdirSync(hostPath(path), { withFileTypes: true, encoding: 'buffer' }).map(
          (entry) => [decodeName(entry.name), entry] as const,
        );
    return named
      .flatMap(([name, entry]) => {
        const kind = kindOf(entry);
        return kind === null ? [] : [{ name, kind }];
      })
      .sort((a, b) => compareNames(a.name, b.name));
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

/** A link's target; null where no link is. */
export function readLink(path: string): string | null {
  try {
    return decodeName(readlinkSync(hostPath(path), { encoding: 'buffer' }));
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

/** A file's hash and its stat, which was the same before and after; or why there is none. */
export type Hashed =
  { readonly digest: string; readonly stat: DiskStat } | { readonly failure: 'absent' | 'denied' | 'changing' };

const attempts = 3;
const chunk = Buffer.allocUnsafe(1 << 20);

/** git's blob hash of a regular file. A file that is written meanwhile is tried again; one that never rests is `changing`. */
export function hashFile(path: string): Hashed {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const opened = openFile(path);
    if (typeof opened === 'string') return { failure: opened };
    try {
      const before = toDiskStat(fstatSync(opened.fd, { bigint: true }));
      if (before?.kind !== 'file') return { failure: 'absent' };
      const digest = hashOpen(opened.fd, before.sizeBytes);
      const after = toDiskStat(fstatSync(opened.fd, { bigint: true }));
      if (digest !== null && after !== null && sameContent(before, after)) return { digest, stat: after };
    } finally {
      closeSync(opened.fd);
    }
  }
  return { failure: 'changing' };
}

/** Opens a regular file without following a link at its end and without waiting for the writer of a FIFO. */
export function openFile(path: string): { readonly fd: number } | 'absent' | 'denied' {
  try {
    return { fd: openSync(hostPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK) };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return error.code === 'EACCES' || error.code === 'EPERM' ? 'denied' : 'absent';
  }
}

/** git's blob hash of what an open file holds from its start; null where it is not `sizeBytes` long. */
export function hashOpen(fd: number, sizeBytes: number): string | null {
  const hash = createHash('sha1').update(`blob ${sizeBytes}\0`);
  let position = 0;
  for (;;) {
    const count = readSync(fd, chunk, 0, chunk.length, position);
    position += count;
    if (position > sizeBytes) return null;
    hash.update(chunk.subarray(0, count));
    if (position === sizeBytes && count < chunk.length) return hash.digest('hex');
    if (count === 0) return null;
  }
}

/** Whether two looks at a file saw one content, as far as numbers can tell. */
export function sameContent(a: DiskStat, b: DiskStat): boolean {
  return (
    a.sizeBytes === b.sizeBytes &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.inode === b.inode &&
    a.device === b.device
  );
}

/** A stat as a tree needs it; null for sockets, FIFOs and devices. */
export function toDiskStat(stats: BigIntStats): DiskStat | null {
  const kind = kindOf(stats);
  if (kind === null) return null;
  return {
    kind,
    executable: (stats.mode & 0o111n) !== 0n,
    sizeBytes: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: stats.ino,
    device: stats.dev,
    mode: stats.mode,
    uid: stats.uid,
    gid: stats.gid,
  };
}

function kindOf(entry: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}): TreeEntry['kind'] | null {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'link' : null;
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}
