import type { GuestPath } from '../../host.ts';
import type { Machine } from '../driver.ts';
import { shellQuote } from '../script.ts';
import type { Contents, Tree, TreeNode } from './trees.ts';

/** A machine that cannot be looked at: its own Python is gone or broken. */
export interface Unreadable {
  readonly unreadable: string;
}

/** What the kernel or the driver puts into every machine anew. */
const notItsOwn = ['/proc', '/sys', '/dev', '/etc/resolv.conf', '/etc/hosts', '/etc/hostname', '/etc/machine-id'];

// One JSON array a line; names that are no UTF-8 have lone surrogates, as Python and view/names.ts have them.
const walk = `
import os, sys, json, stat
left = set(json.loads(sys.argv[1]))
kinds = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory', stat.S_IFLNK: 'link', stat.S_IFCHR: 'device', stat.S_IFBLK: 'device'}
todo = ['/', '/dev/shm']
while todo:
    path = todo.pop()
    try: s = os.lstat(path)
    except OSError: continue
    kind = kinds.get(stat.S_IFMT(s.st_mode), 'other')
    target = os.readlink(path) if kind == 'link' else str(s.st_rdev) if kind == 'device' else None
    try: attributes = [[name, os.getxattr(path, name, follow_symlinks=False).hex()] for name in sorted(os.listxattr(path, follow_symlinks=False))]
    except OSError: attributes = []
    stamp = '%d %d %d' % (s.st_ino, s.st_mtime_ns, s.st_ctime_ns)
    print(json.dumps([path, kind, stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid, s.st_size if kind == 'file' else None, target, attributes, stamp]))
    if kind == 'directory':
        try: names = os.listdir(path)
        except OSError: continue
        for name in names:
            below = os.path.join(path, name)
            if below not in left: todo.append(below)
print('null')
`;

const hashes = `
import sys, json, hashlib
for path in json.loads(sys.argv[1]):
    whole = hashlib.sha256()
    try:
        with open(path, 'rb') as file:
            while block := file.read(1 << 20): whole.update(block)
        print(json.dumps([path, whole.hexdigest()]))
    except OSError as error: print(json.dumps([path, str(error)]))
print('null')
`;

/** All files of a machine, without those at and below `left`, and without what is put into every machine anew. */
export async function readTree(
  machine: Machine,
  left: readonly GuestPath[],
  signal: AbortSignal,
): Promise<Tree | Unreadable> {
  const rows = await ask(machine, { program: walk, argument: [...notItsOwn, ...left] }, signal);
  if ('unreadable' in rows) return rows;
  return new Map(
    (rows as readonly Row[]).map(([path, kind, mode, uid, gid, size, target, attributes, stamp]) => [
      path,
      { kind, mode, uid, gid, size, target, attributes, stamp },
    ]),
  );
}

type Row = readonly [
  string,
  TreeNode['kind'],
  number,
  number,
  number,
  number | null,
  string | null,
  TreeNode['attributes'],
  string,
];

/** The longest argument of a program is 128 KiB (execve(2)). */
const mostBytes = 96 * 1024;

/** Hashes of files' contents. */
export async function readContents(
  machine: Machine,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Contents | Unreadable> {
  const contents = new Map<string, string>();
  for (let at = 0; at < paths.length;) {
    let end = at;
    for (let bytes = 0; end < paths.length && (bytes += ascii(paths[end]).length + 1) < mostBytes;) end += 1;
    end = Math.max(end, at + 1);
    const rows = await ask(machine, { program: hashes, argument: paths.slice(at, end) }, signal);
    if ('unreadable' in rows) return rows;
    for (const [path, hash] of rows as readonly (readonly [string, string])[]) contents.set(path, hash);
    at = end;
  }
  return contents;
}

/** Runs a program of Python in a machine, as root and without what a person's profile may do; its rows. */
async function ask(
  machine: Machine,
  { program, argument }: { readonly program: string; readonly argument: unknown },
  signal: AbortSignal,
): Promise<readonly unknown[] | Unreadable> {
  const chunks: Uint8Array[] = [];
  const exit = await machine.exec(
    {
      script: `exec python3 -I -S -B -c ${shellQuote(program)} ${shellQuote(ascii(argument))}`,
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', PYTHONIOENCODING: 'utf-8' },
      user: 'root',
      cwd: '/' as GuestPath,
    },
    (chunk) => chunks.push(chunk),
    signal,
  );
  const text = Buffer.concat(chunks).toString('utf8');
  const whole = text.endsWith('null\n') && exit.kind === 'exited' && exit.code === 0;
  if (!whole) return { unreadable: `its files cannot be listed: ${text.trim().split('\n').at(-1) ?? exit.kind}` };
  const lines = text.split('\n').slice(0, -2);
  return lines.map((line) => JSON.parse(line) as unknown);
}

/** JSON in ASCII, so that no locale matters. */
function ascii(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
