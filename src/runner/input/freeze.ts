import { setTimeout } from 'node:timers/promises';
import type { Clock, RepoPath } from '../../host.ts';
import { joinPath } from '../../ir/sources.ts';
import { loadManifest, writeManifest } from '../view/manifest.ts';
import type { ManifestDirectory, ManifestFile, ManifestNode } from '../view/manifest.ts';
import type { FrozenTree } from '../view/tree.ts';
import type { BlobStore } from './blob-store.ts';
import { hashFile, listPath, pathIn, readLink, sameContent, statPath } from './disk.ts';
import type { DiskStat } from './disk.ts';
import type { GitIndex } from './git-index.ts';
import type { FreezeRoot } from './roots.ts';
import type { TreeRules } from './rules.ts';
import { isSettled, latestNs, settledLimitNs, settledMs } from './stat-cache.ts';
import type { StatCache } from './stat-cache.ts';

export interface FreezeOptions {
  /** The repository's root: absolute, no link in it. */
  readonly root: string;
  /** What is taken; see `freezeRoots`. */
  readonly roots: readonly FreezeRoot[];
  readonly rules: TreeRules;
  readonly stats: StatCache;
  readonly index: GitIndex | null;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  /** What a file shows as mtime in persistent mtime mode (`carryMtimes`); null in plain mode. */
  readonly shownMtimeNs: ((path: RepoPath, digest: string) => bigint) | null;
  readonly signal: AbortSignal;
}

export interface Frozen {
  readonly tree: FrozenTree;
  /** The same, to be written to a file for view servers. */
  readonly manifest: Uint8Array;
  /** Files that no machine will see, since they could not be read, and directories that it will see empty. */
  readonly unreadable: readonly RepoPath[];
  readonly files: number;
  /** How many of them were read (the hashes of the others were known), and how many were copied into the blob store. */
  readonly hashed: number;
  readonly copied: number;
}

/** A file that was found, on its way to a hash. */
interface Found {
  readonly path: RepoPath;
  readonly name: string;
  readonly stat: DiskStat;
  readonly into: ManifestNode[];
  digest: string | null;
}

/** Files touched this recently are likely to be edited again while a machine uses them, so they are copied if they are small. */
const recentMs = 3_600_000;
const copiedFileBytes = 1 << 20;
const copiedTotalBytes = 16 << 20;
const copiedFiles = 250;
/** From here on it is cheaper to ask git than to read. */
const worthGitFiles = 100;
const worthGitBytes = 8 << 20;
/** Copying this much takes longer than waiting until it is old enough to be left in place. */
const copiedAtOnce = { files: 2000, bytes: 64 << 20 };

/**
 * Makes an immutable manifest of what `roots` name. Files whose hash is known from an unchanged stat are not read. Those touched within the last
 * two seconds are copied into the blob store and the copy is hashed, so that a write at this moment cannot come between; small ones that were
 * edited lately are copied too; the others stay where they are, to be served with their stat as the condition. Aborts with the signal's reason.
 */
export async function freeze(options: FreezeOptions): Promise<Frozen> {
  const { root, stats, blobs, clock, signal } = options;
  const pause = pacer(signal);
  const startedMs = clock.now();
  const found: Found[] = [];
  const unreadable: RepoPath[] = [];
  const tree = await walkRoots({ options, found, unreadable, pause });

  const youngLimitNs = settledLimitNs(startedMs);
  const recentLimitNs = settledLimitNs(startedMs - recentMs);
  const young = found.filter((file) => latestNs(file.stat) > youngLimitNs);
  const recent = new Set(found.filter((file) => latestNs(file.stat) > recentLimitNs));
  // A tree that was written just now would be copied whole; it is old enough in a moment.
  if (young.length > copiedAtOnce.files || bytesOf(young) > copiedAtOnce.bytes) await restFor(settledMs, signal);

  for (const file of found) file.digest = stats.find(file.path, file.stat);
  const doubtful = found.filter((file) => file.digest === null || recent.has(file));
  const clean = askGit(doubtful, options);

  let hashed = 0;
  let copied = 0;
  let budgetBytes = copiedTotalBytes;
  const newestFirst = doubtful
    .filter((file) => !clean.has(file))
    .sort((a, b) => Number(b.stat.mtimeNs - a.stat.mtimeNs));
  const handled = new Set<Found>();
  for (const file of newestFirst) {
    await pause();
    handled.add(file);
    const small = file.stat.sizeBytes <= Math.min(copiedFileBytes, budgetBytes);
    const likely = recent.has(file) && small && copied < copiedFiles;
    const taken = take({ file, copy: likely || !isSettled(file.stat, clock.now()), options });
    if (taken === 'denied') unreadable.push(file.path);
    if (typeof taken === 'string') continue;
    file.into.push(taken.node);
    if (taken.read) hashed += 1;
    if (taken.node.content !== 'immutable') continue;
    copied += 1;
    budgetBytes -= taken.node.sizeBytes;
  }
  for (const file of found) {
    if (handled.has(file) || file.digest === null) continue;
    file.into.push(fileNode({ file, stat: file.stat, digest: file.digest, immutable: false, options }));
  }

  const manifest = writeManifest(tree, { working: root, blobs: blobs.directory });
  return { tree: loadManifest(manifest), manifest, unreadable, files: found.length, hashed, copied };
}

/** Takes hashes from git's index where that is cheaper than reading; the files that it vouches for are not being edited. */
function askGit(files: readonly Found[], { index, stats, clock }: FreezeOptions): ReadonlySet<Found> {
  const clean = new Set<Found>();
  if (index === null || (files.length <= worthGitFiles && bytesOf(files) <= worthGitBytes)) return clean;
  const hashedAtMs = clock.now();
  for (const file of files) {
    const digest = isSettled(file.stat, hashedAtMs) ? index.find(file.path, file.stat) : null;
    if (digest === null) continue;
    if (file.digest === null) stats.add(file.path, file.stat, { digest, hashedAtMs });
    file.digest = digest;
    clean.add(file);
  }
  return clean;
}

/** A file into the manifest: as a copy, or where it is. */
function take(given: {
  readonly file: Found;
  readonly copy: boolean;
  readonly options: FreezeOptions;
}): { readonly node: ManifestFile; readonly read: boolean } | 'absent' | 'denied' {
  const { file, copy, options } = given;
  const { stats, blobs, clock } = options;
  const path = pathIn(options.root, file.path);
  if (!copy && file.digest !== null) {
    const node = fileNode({ file, stat: file.stat, digest: file.digest, immutable: false, options });
    return { node, read: false };
  }
  if (copy && file.digest !== null && blobs.has(file.digest, file.stat.sizeBytes)) {
    const now = statPath(path);
    if (now !== null && sameContent(now, file.stat) && isSettled(now, clock.now())) {
      return { node: fileNode({ file, stat: now, digest: file.digest, immutable: true, options }), read: false };
    }
  }
  const hashedAtMs = clock.now();
  if (!copy) {
    const hashed = hashFile(path);
    if ('digest' in hashed) {
      stats.add(file.path, hashed.stat, { digest: hashed.digest, hashedAtMs });
      // Written while we walked: its stat may not tell a further write.
      if (isSettled(hashed.stat, hashedAtMs)) {
        return { node: fileNode({ file, ...hashed, immutable: false, options }), read: true };
      }
    } else if (hashed.failure !== 'changing') return hashed.failure;
  }
  const copied = blobs.copy(path);
  if ('failure' in copied) return copied.failure;
  if (copied.settled) stats.add(file.path, copied.stat, { digest: copied.digest, hashedAtMs });
  const stat = { ...copied.stat, sizeBytes: copied.sizeBytes };
  return { node: fileNode({ file, stat, digest: copied.digest, immutable: true, options }), read: true };
}

function fileNode(given: {
  readonly file: Found;
  readonly stat: DiskStat;
  readonly digest: string;
  readonly immutable: boolean;
  readonly options: FreezeOptions;
}): ManifestFile {
  const { file, stat, digest, immutable, options } = given;
  return {
    kind: 'file',
    name: file.name,
    executable: stat.executable,
    digest,
    sizeBytes: stat.sizeBytes,
    content: immutable ? 'immutable' : stat,
    shownMtimeNs: options.shownMtimeNs?.(file.path, digest) ?? null,
  };
}

interface OpenDirectory extends ManifestDirectory {
  readonly children: ManifestNode[];
}

/** Directories and links of the tree; files are only found. */
async function walkRoots(given: {
  readonly options: FreezeOptions;
  readonly found: Found[];
  readonly unreadable: RepoPath[];
  readonly pause: () => Promise<void>;
}): Promise<ManifestDirectory> {
  const { options, found, unreadable, pause } = given;
  const { root, rules } = options;
  const top: OpenDirectory = { kind: 'directory', name: '', children: [] };
  const directories = new Map<string, OpenDirectory>([['', top]]);
  const seen = new Set<string>();

  const walk = async (path: RepoPath, into: OpenDirectory, git: boolean): Promise<void> => {
    const entries = listPath(pathIn(root, path));
    if (entries === null) unreadable.push(path);
    for (const { name } of entries ?? []) {
      if (name === '.git' && !git) continue;
      await add({ path: joinPath(path, name), name, into, git });
    }
  };
  const add = async (given: {
    readonly path: RepoPath;
    readonly name: string;
    readonly into: OpenDirectory;
    readonly git: boolean;
  }): Promise<void> => {
    const { path, name, into, git } = given;
    await pause();
    const stat = statPath(pathIn(root, path));
    if (stat === null || rules.hides(path, stat.kind)) return;
    if (stat.kind === 'directory') {
      await walk(path, open(path, name, into), git);
      return;
    }
    if (seen.has(path)) return;
    seen.add(path);
    if (stat.kind === 'file') {
      found.push({ path, name, stat, into: into.children, digest: null });
      return;
    }
    const target = readLink(pathIn(root, path));
    if (target !== null) into.children.push({ kind: 'link', name, target, shownMtimeNs: null });
  };
  const open = (path: RepoPath, name: string, into: OpenDirectory): OpenDirectory => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const directory: OpenDirectory = { kind: 'directory', name, children: [] };
    into.children.push(directory);
    directories.set(path, directory);
    return directory;
  };

  for (const { path, git } of options.roots) {
    const names = path === '' ? [] : path.split('/');
    const above = leadingDirectories(options, names.slice(0, -1));
    if (above === null) continue;
    let into = top;
    for (const step of above) into = open(step.path, step.name, into);
    const name = names.at(-1);
    if (name === undefined) await walk(path, top, git);
    else await add({ path, name, into, git });
  }
  return top;
}

/** The directories that lead to a root; null where one of them is none, or hidden. */
function leadingDirectories(
  { root, rules }: FreezeOptions,
  names: readonly string[],
): readonly { readonly path: RepoPath; readonly name: string }[] | null {
  const steps = names.map((name, index) => ({ name, path: names.slice(0, index + 1).join('/') as RepoPath }));
  const sound = steps.every(
    ({ path }) => statPath(pathIn(root, path))?.kind === 'directory' && !rules.hides(path, 'directory'),
  );
  return sound ? steps : null;
}

function bytesOf(files: readonly Found[]): number {
  return files.reduce((sum, file) => sum + file.stat.sizeBytes, 0);
}

/** Lets others run every now and then, and stops when told to. */
function pacer(signal: AbortSignal): () => Promise<void> {
  let steps = 0;
  return async () => {
    steps += 1;
    if (steps % 500 !== 0) return;
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  };
}

async function restFor(timeoutMs: number, signal: AbortSignal): Promise<void> {
  await setTimeout(timeoutMs, undefined, { signal });
}
