import { spawn } from 'node:child_process';
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { PassThrough, type Readable } from 'node:stream';
import type { GuestPath } from '../../../host.ts';
import { StateUnusable, type StackEntry } from '../../driver.ts';
import { encodeName } from '../../view/names.ts';
import type { GuestAgent } from './agent.ts';

/** By path in the machine (its bytes, as latin1), directories before what is in them: `directory`, or what tells a file or a link from another. */
type Things = ReadonlyMap<string, string>;

/**
 * Has a machine that was saved on one volume show a newer one. What of the older is still there as it was becomes what it is in the newer; what the machine
 * itself has written there or taken away since stays so, as if the volume lay under its writes. Rejects with `StateUnusable` where that cannot be done.
 */
export async function renewVolume(
  agent: GuestAgent,
  { directory, at, replaces }: Extract<StackEntry, { kind: 'layer' }>,
): Promise<void> {
  if (replaces === undefined || at === null) return;
  const before = thingsOf(replaces.directory, replaces.at);
  const after = thingsOf(directory, at);
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter(
    (path) => before.get(path) !== after.get(path),
  );
  if (changed.length === 0) return;
  const here = await thingsIn(agent, tops([...before.keys(), ...after.keys()]));
  const { gone, put } = changes(changed, { before, after, here });
  const isDirectory = (path: string): boolean => here.get(path) === 'directory';
  const files = gone.filter((path) => !isDirectory(path));
  const directories = gone.filter(isDirectory).toReversed();
  await inMachine(agent, `${each(files, 'rm -f --')}; ${each(directories, 'rmdir --ignore-fail-on-non-empty --')}`);
  if (put.length === 0) return;
  const into = encodeName(at);
  await agent.makeDirectory(into, { mode: 0o775, uid: 0, gid: 0 });
  const root = at === '/' ? '/' : `${into.toString('latin1')}/`;
  const archive = pack(
    directory,
    put.map((path) => path.slice(root.length)),
  );
  await Promise.all([agent.copyIn(into, archive.output), archive.ended]);
}

/** What must go from the machine, and what must be put there. */
function changes(
  changed: readonly string[],
  { before, after, here }: { readonly before: Things; readonly after: Things; readonly here: Things },
): { readonly gone: readonly string[]; readonly put: readonly string[] } {
  const own = new Set<string>();
  const [gone, put]: [string[], string[]] = [[], []];
  for (const path of changed) {
    const [then, now, is] = [before.get(path), after.get(path), here.get(path)];
    // A directory takes what is put into it, whoever made it.
    if (now === 'directory' && is === 'directory') continue;
    const isOwn = is !== then || (is === 'directory' && now !== undefined && holdsOwn(path, { before, here }));
    if (isOwn || own.has(dirname(path))) own.add(path);
    else {
      if (is !== undefined) gone.push(path);
      if (now !== undefined) put.push(path);
    }
  }
  return { gone, put };
}

function holdsOwn(path: string, { before, here }: { readonly before: Things; readonly here: Things }): boolean {
  return [...here].some(([name, is]) => name.startsWith(`${path}/`) && before.get(name) !== is);
}

function thingsOf(root: string, at: GuestPath): Things {
  const found = new Map<string, string>();
  const walk = (directory: Buffer, shown: string): void => {
    for (const name of readdirSync(directory, { encoding: 'buffer' })) {
      const path = Buffer.concat([directory, Buffer.from('/'), name]);
      const is = lstatSync(path);
      const place = `${shown}/${name.toString('latin1')}`;
      if (is.isDirectory()) {
        found.set(place, 'directory');
        walk(path, place);
      } else if (is.isSymbolicLink()) found.set(place, `l ${readlinkSync(path, { encoding: 'latin1' })}`);
      else if (is.isFile()) found.set(place, `f ${is.size} ${Math.floor(is.mtimeMs / 1000)}`);
    }
  };
  walk(Buffer.from(root), at === '/' ? '' : encodeName(at).toString('latin1'));
  return found;
}

/** Paths that lie below no other. */
function tops(paths: readonly string[]): readonly string[] {
  const all = new Set(paths);
  return [...all].filter((path) => !all.has(dirname(path)));
}

/** What the machine has at some paths, and below them. */
async function thingsIn(agent: GuestAgent, paths: readonly string[]): Promise<Things> {
  const print = '-printf "%y\\0%s\\0%T@\\0%l\\0%p\\0"';
  const text = await inMachine(agent, each(paths, `sh -c 'find "$@" ${print} || :' sh`));
  const fields = text.split('\0');
  const found = new Map<string, string>();
  for (let n = 0; n + 4 < fields.length; n += 5) {
    const [kind, size, time = '', target, path = ''] = fields.slice(n, n + 5);
    const file = `${kind} ${size} ${time.split('.')[0]}`;
    found.set(path, kind === 'd' ? 'directory' : kind === 'l' ? `l ${target}` : file);
  }
  return found;
}

/** A command of bash's that gives another one these paths. */
function each(paths: readonly string[], command: string): string {
  return paths.length === 0 ? ':' : `printf '%s\\0' ${paths.map(quoted).join(' ')} | xargs -0 ${command}`;
}

/** Bytes as a word of bash's. */
function quoted(path: string): string {
  return `$'${path.replace(/[^\w./-]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)}'`;
}

/** What a script prints (bytes, as latin1). */
async function inMachine(agent: GuestAgent, script: string): Promise<string> {
  let printed = '';
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
  const job = agent.exec(
    { script: `exec 2> /dev/null; set -o pipefail; ${script}`, env, uid: 0, gid: 0, groups: [0], cwd: '/' },
    { stays: false, output: (chunk) => (printed += Buffer.from(chunk).toString('latin1')) },
  );
  const { code, signal } = await job.ended;
  if (code === 0 && signal === 0) return printed;
  throw new StateUnusable('what CACHE has saved since could not be put into the machine');
}

/** These paths of a directory as a tar archive. */
function pack(
  directory: string,
  paths: readonly string[],
): { readonly output: Readable; readonly ended: Promise<void> } {
  const names = ['--no-recursion', '--null', '--verbatim-files-from', '--files-from=-'];
  const argv = ['--create', '--format=posix', '--numeric-owner', '--xattrs', '--directory', directory, ...names];
  const child = spawn('tar', argv, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.stdin.on('error', () => {});
  child.stdin.end(Buffer.from(paths.map((path) => `./${path}\0`).join(''), 'latin1'));
  // What nobody reads when a process ends, Node throws away.
  const output = child.stdout.pipe(new PassThrough());
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`tar could not pack ${directory} (${code})`)),
    );
  });
  ended.catch((error: Error) => output.destroy(error));
  return { output, ended };
}
