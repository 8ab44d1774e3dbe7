import fs from 'node:fs';
import path from 'node:path';

/** What programs did below a root, according to strace, in paths relative to that root (`/` is the root itself). */
export interface Traced {
  /** Path calls, in no order across processes. */
  readonly calls: readonly PathCall[];
  /** Read from, mapped, or executed. */
  readonly read: ReadonlySet<string>;
  readonly listed: ReadonlySet<string>;
  /** Opened for writing, renamed, given another mode: from then on no longer (only) the repository's. */
  readonly written: ReadonlySet<string>;
}

export interface PathCall {
  readonly name: string;
  readonly path: string;
  readonly error: string | null;
  readonly followsLast: boolean;
  readonly isStat: boolean;
}

const stats = new Set(['stat', 'lstat', 'newfstatat', 'statx', 'fstat']);
const doNotFollow = new Set([
  'lstat',
  'readlink',
  'readlinkat',
  'unlink',
  'unlinkat',
  'rename',
  'renameat',
  'renameat2',
  'mkdir',
  'mkdirat',
  'symlink',
  'symlinkat',
  'link',
  'linkat',
  'rmdir',
]);
const changes = new Set([
  'chmod',
  'fchmodat',
  'fchmodat2',
  'utimensat',
  'utime',
  'truncate',
  'rename',
  'renameat',
  'renameat2',
  'unlink',
  'unlinkat',
  'rmdir',
  'mkdir',
  'mkdirat',
  'link',
  'linkat',
  'symlink',
  'symlinkat',
  'chown',
  'lchown',
  'fchownat',
]);
const reads = new Set(['read', 'pread64', 'readv', 'preadv', 'preadv2', 'sendfile', 'copy_file_range', 'splice']);

const twoPaths = /^(rename|link|symlink)/;

/** Options for strace whose output `readTrace` reads: one file a thread, descriptors with their paths. */
export const straceOptions = [
  '-f',
  '-ff',
  '-y',
  '-s',
  '0',
  '-e',
  'trace=%file,%process,getdents64,read,pread64,readv,preadv,preadv2,sendfile,copy_file_range,splice,mmap,fchdir,fstat,fchmod,ftruncate',
];

/** The thread or process that a line of strace's says was started; null where it says nothing of that. */
function startedBy(line: string): number | null {
  const pid = /^(?:clone3?|v?fork)\(.*\) += (\d+)/.exec(line)?.[1];
  return pid === undefined ? null : Number(pid);
}

/** Reads the files `<prefix>.<pid>`; `root` is the directory whose paths count, in which the first process began. */
export function readTrace(prefix: string, root: string): Traced {
  const directory = path.dirname(prefix);
  const base = `${path.basename(prefix)}.`;
  const threads = new Map<number, string[]>();
  for (const name of fs.readdirSync(directory).filter((candidate) => candidate.startsWith(base))) {
    threads.set(Number(name.slice(base.length)), fs.readFileSync(path.join(directory, name), 'latin1').split('\n'));
  }
  const trace = {
    calls: [] as PathCall[],
    read: new Set<string>(),
    listed: new Set<string>(),
    written: new Set<string>(),
  };
  const children = new Set<number>();
  const inside = (absolute: string): string | null => {
    const normal = path.normalize(absolute);
    return normal === root || normal === `${root}/`
      ? '/'
      : normal.startsWith(`${root}/`)
        ? normal.slice(root.length).replace(/\/$/, '')
        : null;
  };

  const follow = (pid: number, cwd: string): void => {
    const lines = threads.get(pid) ?? [];
    threads.delete(pid);
    let here = cwd;
    for (const line of lines) {
      const call = /^(\w+)\((.*)\) += (-?\d+)(?:<[^>]*>)?(?: (E[A-Z0-9]+))?/.exec(line);
      if (call === null) continue;
      const [, name = '', args = '', result = '', error = null] = call;
      const child = startedBy(line);
      if (child !== null) {
        children.add(child);
        follow(child, here);
        continue;
      }
      const descriptors = [...args.matchAll(/(?:^|, )\d+<(\/[^>]*)>/g)].map((match) => inside(match[1] ?? ''));
      const [descriptor = null] = descriptors;
      if (name === 'fchdir' && error === null) here = /<(\/[^>]*)>/.exec(args)?.[1] ?? here;
      if (error === null && descriptor !== null) {
        if (name === 'getdents64') trace.listed.add(descriptor);
        if (reads.has(name) && Number(result) > 0)
          trace.read.add((name === 'sendfile' ? descriptors[1] : null) ?? descriptor);
        if (name === 'fchmod' || name === 'ftruncate') trace.written.add(descriptor);
      }
      if (name === 'mmap') {
        const mapped = /, \d+<(\/[^>]*)>/.exec(args)?.[1];
        const file = mapped === undefined ? null : inside(mapped);
        if (file !== null && error === null && args.includes('PROT_READ')) trace.read.add(file);
        continue;
      }
      const paths = [...args.matchAll(/(?:(?:AT_FDCWD|\d+)<(\/[^>]*)>, )?"((?:[^"\\]|\\.)*)"/g)];
      for (const [index, [, at = here, text = '']] of paths.entries()) {
        if (index > 0 && !twoPaths.test(name)) break; // An argument of execve, or what readlink found.
        if (index === 0 && name.startsWith('symlink')) continue; // The link's target.
        const file = inside(text.startsWith('/') ? text : `${at}/${text}`);
        if (name === 'chdir' && error === null) here = path.resolve(here, text);
        if (file === null) continue;
        const exclusive =
          args.includes('O_NOFOLLOW') || args.includes('AT_SYMLINK_NOFOLLOW') || args.includes('O_EXCL');
        const followsLast = !doNotFollow.has(name) && !exclusive;
        trace.calls.push({ name, path: file, error, followsLast, isStat: stats.has(name) });
        if (error !== null) continue;
        if (changes.has(name) || /O_(WRONLY|RDWR|CREAT|TRUNC)/.test(args)) trace.written.add(file);
        if (name === 'execve') trace.read.add(file);
      }
    }
  };
  // Numbers begin again at the least, so that the first thread need not have the lowest.
  const started = new Set([...threads.values()].flat().flatMap((line) => startedBy(line) ?? []));
  for (const first of [...threads.keys()].filter((pid) => !started.has(pid)).slice(0, 1)) follow(first, root);
  if (threads.size > 0) throw new Error(`nobody started ${[...threads.keys()].join(', ')}`);
  return trace;
}
