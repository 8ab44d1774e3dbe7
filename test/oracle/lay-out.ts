import { execFileSync } from 'node:child_process';
import { chmodSync, constants, lstatSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Content, Workshop } from '../support/workshop.ts';
import { elsewhere } from './features.ts';
import type { Random } from './random.ts';
import type { Node, Tree } from './tree.ts';
import type { Round, Trial } from './trial.ts';

/** Brings the repository, and those that trials clone, to where a round finds them. */
export function layOut(workshop: Workshop, trials: readonly Trial[], round: number): void {
  const ignored: string[] = [];
  const others = `${workshop.directory}/elsewhere`;
  for (const { at, rounds } of trials) {
    const now = rounds[round];
    const before = round === 0 ? null : (rounds[round - 1] ?? null);
    if (!now) continue;
    writeSources(`${workshop.repository}/${at}/src`, now, before);
    if (now.cloned !== null && before?.cloned !== now.cloned)
      commitElsewhere(`${others}/${at}`, now.cloned, { before: before?.cloned ?? null });
    workshop.put(layerfileChanges(at, now, before, (text) => text.replaceAll(elsewhere, others)));
    ignored.push(...now.ignored.map((line) => line.replace(/^!?/, (not) => `${not}/${at}/src/`)));
  }
  workshop.put({ '.layerignore': `${ignored.join('\n')}\n` });
}

function writeSources(root: string, now: Round, before: Round | null): void {
  if (now.instead !== null) {
    if (before?.instead === now.instead) return;
    rmSync(root, { recursive: true, force: true });
    writeNode(Buffer.from(root), now.instead);
    return;
  }
  const kept = before === null || before.instead !== null ? null : before.tree;
  if (kept === now.tree) return;
  if (kept === null) rmSync(root, { recursive: true, force: true });
  writeTree(root, now.tree, kept ?? new Map());
}

/** What to put where, so that the Layerfiles of a round are there and those of the round before are not. */
function layerfileChanges(
  at: string,
  now: Round,
  before: Round | null,
  placed: (text: string) => string,
): Record<string, Content> {
  const changes: Record<string, Content> = {};
  for (const path of Object.keys(before?.layerfiles ?? {})) {
    const directory = path.slice(0, -'/Layerfile'.length);
    if (now.layerfiles[path] !== undefined) continue;
    changes[`${at}/${directory}`] = now.inPlaceOfChild === null ? null : contentOf(now.inPlaceOfChild);
  }
  for (const [path, text] of Object.entries(now.layerfiles)) {
    if (before?.layerfiles[path] === text && before.linked === now.linked) continue;
    if (before?.layerfiles[path] === undefined && path.includes('/'))
      changes[`${at}/${path.slice(0, -'/Layerfile'.length)}`] = null;
    changes[`${at}/${path}`] = now.linked ? { link: './Layerfile.text' } : placed(text);
    changes[`${at}/${path}.text`] = now.linked ? placed(text) : null;
  }
  return changes;
}

function contentOf(node: Exclude<Node, { readonly kind: 'pipe' | 'socket' }>): Content {
  switch (node.kind) {
    case 'file':
      return node.text;
    case 'link':
      return { link: node.target };
    case 'directory':
      return { directory: true };
  }
}

const identity = ['-c', 'user.name=somebody', '-c', 'user.email=somebody@example.org', '-c', 'gc.auto=0'];

function git(directory: string, ...args: readonly string[]): void {
  const date = '2024-01-01T00:00:00Z';
  execFileSync('git', [...identity, ...args], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...{ PATH: process.env['PATH'], HOME: directory, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
      ...{ GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date },
    },
  });
}

/** All that git takes: a file that it knows and that is a pipe now, it refuses. */
function addAll(directory: string, ...options: readonly string[]): void {
  try {
    git(directory, 'add', '--all', '--ignore-errors', ...options);
  } catch (problem) {
    if (!String(problem).includes('can only add regular files')) throw problem;
  }
}

/** The other repository's HEAD is what the tree says; its branch `stable` stays at the first commit. */
function commitElsewhere(directory: string, tree: Tree, { before }: { readonly before: Tree | null }): void {
  writeTree(directory, tree, before ?? new Map());
  if (before === null) git(directory, 'init', '--quiet', '--initial-branch=main');
  addAll(directory, '--force');
  git(directory, 'commit', '--quiet', '--allow-empty', '--message=a commit');
  if (before === null) git(directory, 'branch', 'stable');
}

/** What people do to their own repository's git between two runs; the first time it is made. */
export function useGit({ repository }: Workshop, random: Random, round: number): void {
  if (round === 0) {
    git(repository, 'init', '--quiet', '--initial-branch=main');
    addAll(repository);
    git(repository, 'commit', '--quiet', '--message=first');
    return;
  }
  if (random.chance(0.15)) git(repository, 'checkout', '--quiet', '-B', random.pick(['main', 'stable', 'feat/other']));
  if (random.chance(0.4)) addAll(repository);
  if (random.chance(0.4)) git(repository, 'commit', '--quiet', '--allow-empty', '--message', `round ${round}`);
  if (random.chance(0.1)) git(repository, 'gc', '--quiet');
}

/** Writes what differs, so that everything else keeps its times. */
function writeTree(root: string, tree: Tree, before: Tree): void {
  const place = (path: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
  mkdirSync(root, { recursive: true });
  for (const [path, node] of before) {
    if (tree.get(path) !== node) rmSync(place(path), { recursive: true, force: true });
  }
  for (const path of before.keys()) {
    // Directories that hold nothing any more go, as with git.
    for (let above = path; above.includes('/');) {
      above = above.slice(0, above.lastIndexOf('/'));
      if (![...tree.keys()].some((one) => one.startsWith(`${above}/`)))
        rmSync(place(above), { recursive: true, force: true });
    }
  }
  for (const [path, node] of tree) {
    const old = before.get(path);
    if (old === node && isThere(place(path))) continue;
    // A change of its mode alone leaves a file where it is.
    if (old?.kind === 'file' && node.kind === 'file' && old.text === node.text && isThere(place(path))) {
      chmodSync(place(path), node.executable ? 0o755 : 0o644);
      continue;
    }
    rmSync(place(path), { recursive: true, force: true });
    mkdirSync(place(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''), { recursive: true });
    writeNode(place(path), node);
  }
}

function writeNode(place: Buffer, node: Node): void {
  switch (node.kind) {
    case 'file':
      writeFileSync(place, node.text);
      chmodSync(place, node.executable ? 0o755 : 0o644);
      break;
    case 'link':
      symlinkSync(node.target, place);
      break;
    case 'directory':
      mkdirSync(place);
      break;
    case 'pipe':
    case 'socket': {
      const mode = node.kind === 'pipe' ? constants.S_IFIFO : constants.S_IFSOCK;
      const make = 'import os, sys; os.mknod(bytes.fromhex(sys.argv[1]), int(sys.argv[2]) | 0o644)';
      execFileSync('python3', ['-c', make, place.toString('hex'), String(mode)]);
      break;
    }
  }
}

function isThere(path: Buffer): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // What was above it is no directory now.
    return false;
  }
}
