import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { openBlobStore } from '../../../src/runner/input/blob-store.ts';
import { hostPath } from '../../../src/runner/input/disk.ts';
import { freeze } from '../../../src/runner/input/freeze.ts';
import type { Frozen } from '../../../src/runner/input/freeze.ts';
import { createGitIndex } from '../../../src/runner/input/git-index.ts';
import type { GitIndex } from '../../../src/runner/input/git-index.ts';
import { createGit } from '../../../src/runner/input/git.ts';
import { createLiveTree } from '../../../src/runner/input/live-tree.ts';
import { freezeRoots } from '../../../src/runner/input/roots.ts';
import { readRules } from '../../../src/runner/input/rules.ts';
import { memoryStatCache } from '../../../src/runner/input/stat-cache.ts';
import type { StatCache } from '../../../src/runner/input/stat-cache.ts';
import type { RepoTree } from '../../../src/runner/view/tree.ts';
import type { MemoryFiles } from '../view/memory-tree.ts';

/** A configuration of git that owes nothing to the host's. */
export const gitEnv = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_COUNT: '4',
  GIT_CONFIG_KEY_0: 'user.name',
  GIT_CONFIG_VALUE_0: 'Test',
  GIT_CONFIG_KEY_1: 'user.email',
  GIT_CONFIG_VALUE_1: 'test@example.org',
  GIT_CONFIG_KEY_2: 'init.defaultBranch',
  GIT_CONFIG_VALUE_2: 'main',
  GIT_CONFIG_KEY_3: 'protocol.file.allow',
  GIT_CONFIG_VALUE_3: 'always',
};

/** A moment at which all that tests write is old enough to be trusted. */
export const later = { now: () => Date.now() + 10_000 };
export const now = { now: () => Date.now() };

/** A directory that goes away with the test. */
export function scratch(): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'layer-input-')));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function write(root: string, files: MemoryFiles): void {
  for (const [path, node] of Object.entries(files)) {
    const at = hostPath(`${root}/${path}`);
    mkdirSync(hostPath(node === null ? `${root}/${path}` : dirname(`${root}/${path}`)), { recursive: true });
    if (node === null) continue;
    if (typeof node === 'string') writeFileSync(at, node);
    else if ('link' in node) symlinkSync(hostPath(node.link), at);
    else {
      writeFileSync(at, node.executable);
      chmodSync(at, 0o755);
    }
  }
}

export function git(root: string, ...args: string[]): string {
  return execFileSync('git', args, {
    cwd: root,
    env: gitEnv,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim();
}

export function indexOf(root: string): GitIndex {
  return createGitIndex({ git: createGit({ cwd: root, env: gitEnv }), root });
}

interface Options {
  readonly hidden?: readonly string[];
  readonly stats?: StatCache;
  readonly clock?: { now(): number };
  readonly index?: GitIndex | null;
}

export function liveTree(root: string, options: Options = {}): RepoTree {
  return createLiveTree({
    root,
    rules: readRules({ root, hidden: (options.hidden ?? []) as RepoPath[] }),
    stats: options.stats ?? memoryStatCache(),
    index: options.index ?? null,
    clock: options.clock ?? later,
    recorder: null,
    directoryTimes: true,
  });
}

export async function frozen(
  root: string,
  sources: readonly string[] = [''],
  options: Options & { readonly blobs?: string; readonly signal?: AbortSignal } = {},
): Promise<Frozen> {
  const live = liveTree(root, options);
  const specs = [{ sources: sources.map((path) => ({ path: path as RepoPath, glob: /[*?[]/.test(path) })) }];
  return freeze({
    root,
    roots: freezeRoots(specs, live),
    rules: readRules({ root, hidden: (options.hidden ?? []) as RepoPath[] }),
    stats: options.stats ?? memoryStatCache(),
    index: options.index ?? null,
    blobs: openBlobStore(options.blobs ?? scratch()),
    clock: options.clock ?? later,
    shownMtimeNs: null,
    signal: options.signal ?? new AbortController().signal,
  });
}

/** Everything a tree holds, one line an entry. */
export function dump(tree: RepoTree, path = '' as RepoPath): string[] {
  const entry = tree.entry(path);
  const kind = tree.kind(path);
  if (entry?.kind !== kind) throw new Error(`entry and kind of ${path} disagree`);
  if (entry === null) return [];
  if (entry.kind === 'link') return [`${path} -> ${entry.target}`];
  if (entry.kind === 'file') return [`${path} ${entry.executable ? 'x' : '-'} ${entry.sizeBytes} ${tree.digest(path)}`];
  const below = (tree.list(path) ?? []).flatMap((name) =>
    dump(tree, (path === '' ? name : `${path}/${name}`) as RepoPath),
  );
  return [`${path}/`, ...below];
}
