import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { startViewServer } from '../../../src/runner/fuse/start.ts';
import type { ViewServer, ViewServerSpec } from '../../../src/runner/fuse/view-server.ts';
import { type ManifestDirectory, type ManifestNode, writeManifest } from '../../../src/runner/view/manifest.ts';
import { decodeName, encodeName } from '../../../src/runner/view/names.ts';
import type { Observation, ViewSpec } from '../../../src/runner/view/view.ts';

export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A mount namespace of its own, in which a view server has mounted views of one directory. Leaves nothing behind. */
export interface Served extends AsyncDisposable {
  readonly server: ViewServer;
  /** Scratch directory; `repository` and `mount` are in it. */
  readonly directory: string;
  readonly repository: string;
  readonly mount: string;
  /** The view server's own process id. */
  readonly pid: number;
  /** Argv that enters the namespace. */
  readonly enter: readonly string[];
  /** Runs bash in the namespace, by default in the directory of view 0. */
  run(script: string, options?: { readonly cwd?: string }): Promise<Ran>;
  /** Mounts an overlay over a view, by default 0, as machines have it; returns where. Mounting looks at the view's root, and is cut off. */
  overlay(ordinal?: number): Promise<string>;
  /** What has been seen since the last call, as sorted `kind path` lines, without the fingerprints; asserts that nothing went wrong. */
  seen(): Promise<readonly string[]>;
}

export interface ServedOptions {
  /** Fills the repository, whose path is given. */
  readonly fill: (repository: string) => void;
  readonly mtime?: ViewServerSpec['mtime'];
  /** View 0; by default the whole repository at `/`. */
  readonly view?: Partial<ViewSpec>;
  /** Paths that the manifest keeps as immutable blobs; all others are working files. */
  readonly immutable?: (path: string) => boolean;
  readonly shownMtimeNs?: (path: string) => bigint;
  readonly signal?: AbortSignal;
}

export async function serveDirectory(options: ServedOptions): Promise<Served> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'layer-fuse-'));
  const repository = path.join(directory, 'repository');
  const mount = path.join(directory, 'mount');
  const manifest = path.join(directory, 'manifest');
  fs.mkdirSync(repository);
  fs.mkdirSync(mount);
  options.fill(repository);
  writeManifestOf(repository, manifest, options);

  const holder = await namespace();
  const enter = ['nsenter', '-m', '-t', String(holder.pid), '--'];
  const stop = async () => {
    await holder.stop();
    fs.rmSync(directory, { recursive: true, force: true });
  };
  try {
    const signal = options.signal ?? new AbortController().signal;
    const mtime = options.mtime ?? 'plain';
    const trees = { repository: manifest };
    const server = await startViewServer({ enter, mountpoint: mount, trees, mtime, signal });
    await server.addView(wholeRepository(options.view));
    return {
      server,
      directory,
      repository,
      mount,
      pid: serverOf(mount),
      enter,
      run: (script, { cwd = `${mount}/0` } = {}) => run([...enter, 'bash', '-c', `cd '${cwd}' && ${script}`]),
      async overlay(ordinal = 0) {
        const at = (name: string) => path.join(directory, `${name}-${ordinal}`);
        for (const name of ['base', 'upper', 'work', 'root']) fs.mkdirSync(at(name));
        const layers = `lowerdir=${mount}/${ordinal}:${at('base')},upperdir=${at('upper')},workdir=${at('work')}`;
        const options = `${layers},metacopy=off,redirect_dir=off,index=off,nfs_export=off,xino=off`;
        const mounted = await run([...enter, 'mount', '-t', 'overlay', 'overlay', '-o', options, at('root')]);
        if (mounted.code !== 0) throw new Error(mounted.stderr);
        await server.cut();
        return at('root');
      },
      async seen() {
        const { observations, fault } = await server.cut();
        if (fault !== null) throw new Error(`fault: ${fault}`);
        return lines(observations);
      },
      async [Symbol.asyncDispose]() {
        await server[Symbol.asyncDispose]();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function lines(observations: readonly Observation[]): readonly string[] {
  return observations.map(({ kind, path }) => `${kind} ${path}`).sort();
}

export function wholeRepository(changes: Partial<ViewSpec> = {}): ViewSpec {
  return {
    ordinal: 0,
    tree: 'repository',
    sources: [{ path: '' as RepoPath, glob: false }],
    destination: '/' as GuestPath,
    placement: 'into',
    ancestors: [{ mode: 0o755, uid: 0, gid: 0 }],
    ...changes,
  };
}

/** Writes the manifest of a real directory, hashing everything. */
export function writeManifestOf(
  repository: string,
  target: string,
  options: Pick<ServedOptions, 'immutable' | 'shownMtimeNs'> = {},
): void {
  const blobs = `${target}.blobs`;
  const root = manifestNode(repository, '', { ...options, blobs }) as ManifestDirectory;
  fs.writeFileSync(target, writeManifest(root, { working: repository, blobs }));
}

function manifestNode(
  root: string,
  at: string,
  options: Pick<ServedOptions, 'immutable' | 'shownMtimeNs'> & { readonly blobs: string },
): ManifestNode {
  const real = encodeName(at === '' ? root : `${root}/${at}`);
  const name = at.slice(at.lastIndexOf('/') + 1);
  const stat = fs.lstatSync(real, { bigint: true });
  if (stat.isDirectory()) {
    const names = fs.readdirSync(real, { encoding: 'buffer' }).map(decodeName);
    const children = names.map((child) => manifestNode(root, at === '' ? child : `${at}/${child}`, options));
    return { kind: 'directory', name, children };
  }
  if (stat.isSymbolicLink()) {
    return {
      kind: 'link',
      name,
      target: decodeName(fs.readlinkSync(real, { encoding: 'buffer' })),
      shownMtimeNs: null,
    };
  }
  const digest = blobHash(real);
  const immutable = options.immutable?.(at) ?? false;
  if (immutable) {
    fs.mkdirSync(`${options.blobs}/${digest.slice(0, 2)}`, { recursive: true });
    fs.copyFileSync(real, `${options.blobs}/${digest.slice(0, 2)}/${digest.slice(2)}`);
  }
  return {
    kind: 'file',
    name,
    executable: (stat.mode & 0o111n) !== 0n,
    digest,
    sizeBytes: Number(stat.size),
    content: immutable ? 'immutable' : { mtimeNs: stat.mtimeNs, ctimeNs: stat.ctimeNs, inode: stat.ino },
    shownMtimeNs: options.shownMtimeNs?.(at) ?? null,
  };
}

/** git's hash of a file's bytes. Of a file too big to read, any hash will do. */
function blobHash(file: Buffer): string {
  const { size } = fs.statSync(file);
  const hash = createHash('sha1').update(`blob ${size}\0`);
  if (size > 0 && size < 2 ** 30) hash.update(fs.readFileSync(file));
  return hash.digest('hex');
}

/** Runs a program to its end. */
export function run(argv: readonly string[], input?: string): Promise<Ran> {
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** A process that keeps a new mount namespace (and those that `more` options of unshare name) alive. */
export async function namespace(
  more: readonly string[] = [],
): Promise<{ readonly pid: number; stop(): Promise<void> }> {
  const argv = [
    '--pdeathsig',
    'KILL',
    'unshare',
    ...more,
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    'echo up; exec sleep infinity',
  ];
  const child = spawn('setpriv', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    void ended.then(() => reject(new Error('no mount namespace can be made here')));
  });
  return {
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The process that has this mount in its namespace and the FUSE device open. */
function serverOf(mount: string): number {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const devices = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => fs.readlinkSync(`/proc/${pid}/fd/${fd}`));
      if (devices.includes('/dev/fuse') && fs.readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` ${mount} `)) {
        return Number(pid);
      }
    } catch {
      // It ended meanwhile.
    }
  }
  throw new Error(`nobody serves ${mount}`);
}
