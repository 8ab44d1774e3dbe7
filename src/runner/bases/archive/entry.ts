/** One member of an archive, as far as a root file system cares. */
export interface ArchiveEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'link' | 'hardlink' | 'device' | 'fifo';
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  readonly sizeBytes: number;
  /** Of a link: its text. Of a hard link: the path of the file it is another name of. */
  readonly target: string | null;
  /** Extended attributes by name. */
  readonly xattrs: Readonly<Record<string, string>>;
}

/** Why a path of an archive must not be unpacked; null where it may. Rules out everything that could lead out of the root. */
export function pathFault(path: string): string | null {
  if (path.includes('\0')) return 'a name with a NUL byte';
  if (path.startsWith('/')) return 'an absolute path';
  if (path.split('/').includes('..')) return 'a path with ..';
  if (path.length > 4096) return 'a path longer than 4096 characters';
  return null;
}

/** The path without `./`, doubled and trailing slashes; the root is the empty text. */
export function normalPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}
