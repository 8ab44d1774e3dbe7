import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { openBlobStore } from '../../../src/runner/input/blob-store.ts';
import { openMirror, resolveClone } from '../../../src/runner/input/clone.ts';
import type { CloneRequest, Mirror, ResolvedClone } from '../../../src/runner/input/clone.ts';
import { freezeCommit } from '../../../src/runner/input/commit-tree.ts';
import { openClones } from '../../../src/runner/input/clones.ts';
import { createGit } from '../../../src/runner/input/git.ts';
import { loadManifest } from '../../../src/runner/view/manifest.ts';
import { compareNames } from '../../../src/runner/view/names.ts';
import type { FrozenTree } from '../../../src/runner/view/tree.ts';
import { blobHash } from '../view/memory-tree.ts';
import { gitDaemon, gitHttp } from './git-server.ts';
import { dump, git, gitEnv, scratch, write } from './workspace.ts';

const signal = new AbortController().signal;

/** A repository with a commit on `main` and one more on `topic`. */
function origin(directory = scratch()): string {
  git(directory, 'init', '-q');
  write(directory, { file: 'main', 'dir/x': 'x' });
  git(directory, 'add', '.');
  git(directory, 'commit', '-qm', 'one');
  git(directory, 'checkout', '-q', '-b', 'topic');
  writeFileSync(`${directory}/file`, 'topic');
  git(directory, 'commit', '-qam', 'two');
  git(directory, 'checkout', '-q', 'main');
  return directory;
}

async function mirrorOf(
  url: string,
  store = scratch(),
  env = gitEnv as Record<string, string | undefined>,
): Promise<Mirror> {
  const mirror = await openMirror({ directory: store, url, root: scratch(), env, signal });
  if ('why' in mirror) throw new Error(mirror.why);
  return mirror;
}

function resolve(
  mirror: Mirror,
  request: Partial<CloneRequest>,
  mode: 'online' | 'offline' = 'online',
): Promise<ResolvedClone> {
  return resolveClone(mirror, { branch: null, defaultBranch: null, ...request }, { mode, signal });
}

async function treeOf(mirror: Mirror, commit: string, blobs = scratch()): Promise<FrozenTree> {
  const made = await freezeCommit({ git: mirror.git, commit, blobs: openBlobStore(blobs), shownMtimeNs: null, signal });
  if ('why' in made) throw new Error(made.why);
  return loadManifest(made.manifest);
}

function text(tree: FrozenTree, path: string): string {
  return readFileSync(tree.content(path as RepoPath)?.path ?? '', 'utf8');
}

describe('which commit', () => {
  test('the branch of the run, else DEFAULT, else HEAD', async () => {
    const directory = origin();
    const head = git(directory, 'rev-parse', 'main');
    const topic = git(directory, 'rev-parse', 'topic');
    const mirror = await mirrorOf(`file://${directory}`);
    expect(await resolve(mirror, { branch: 'topic' })).toEqual({
      resolved: true,
      commit: topic,
      branch: 'topic',
      warning: null,
    });
    expect(await resolve(mirror, { branch: 'other', defaultBranch: 'topic' })).toMatchObject({
      commit: topic,
      branch: 'topic',
      warning: null,
    });
    expect(await resolve(mirror, { branch: 'other' })).toMatchObject({ commit: head, branch: null, warning: null });
    expect(await resolve(mirror, {})).toMatchObject({ commit: head });
    const fallback = await resolve(mirror, { branch: 'other', defaultBranch: 'gone' });
    expect(fallback).toMatchObject({ commit: head, warning: expect.stringContaining('has no branch gone') });
  });

  test('a branch that only looks like one, or like a pattern or an option, is no branch', async () => {
    const directory = origin();
    git(directory, 'branch', 'x/topic2', 'topic');
    const head = git(directory, 'rev-parse', 'main');
    const mirror = await mirrorOf(directory);
    for (const branch of ['topic2', '*', 'top?c', '--upload-pack=touch /tmp/layer-input-pwned', '', 'a b', '$(id)']) {
      expect(await resolve(mirror, { branch }), branch).toMatchObject({ resolved: true, commit: head });
    }
    git(directory, 'update-ref', 'refs/heads/-x', 'topic');
    expect(await resolve(mirror, { branch: '-x' })).toMatchObject({ branch: '-x' });
  });

  test('an older commit, with a warning, when the other repository cannot be reached', async () => {
    const directory = origin();
    const moved = `${directory}.moved`;
    const store = scratch();
    const mirror = await mirrorOf(`file://${directory}`, store);
    const first = await resolve(mirror, { branch: 'topic' });
    renameSync(directory, moved);
    try {
      const again = await resolve(await mirrorOf(`file://${directory}`, store), { branch: 'topic' });
      expect(again).toMatchObject({ resolved: true, commit: first.resolved && first.commit });
      expect(again.resolved && again.warning).toMatch(/cannot be reached: .*; using [0-9a-f]{12}, which it was last$/);
      expect(await resolve(mirror, { branch: 'never asked' })).toMatchObject({
        resolved: false,
        why: expect.stringContaining('cannot be reached'),
      });
      expect(text(await treeOf(mirror, again.resolved ? again.commit : ''), 'file')).toBe('topic');
    } finally {
      rmSync(moved, { recursive: true });
    }
  });

  test('offline nothing is asked', async () => {
    const directory = origin();
    const mirror = await mirrorOf(directory);
    expect(await resolve(mirror, {}, 'offline')).toMatchObject({
      resolved: false,
      why: expect.stringContaining('--offline'),
    });
    const first = await resolve(mirror, {});
    git(directory, 'commit', '-q', '--allow-empty', '-m', 'three');
    expect(await resolve(mirror, {}, 'offline')).toMatchObject({
      commit: first.resolved && first.commit,
      warning: expect.stringContaining('--offline'),
    });
    expect(await resolve(mirror, {})).toMatchObject({ commit: git(directory, 'rev-parse', 'HEAD'), warning: null });
  });

  test('an empty repository, one with SHA-256 and one that is not there say so', async () => {
    const empty = scratch();
    git(empty, 'init', '-q', '--bare');
    expect(await resolve(await mirrorOf(empty), {})).toMatchObject({ why: expect.stringContaining('empty') });
    const other = scratch();
    git(other, 'init', '-q', '--object-format=sha256');
    git(other, 'commit', '-q', '--allow-empty', '-m', 'one');
    expect(await resolve(await mirrorOf(other), {})).toMatchObject({
      resolved: false,
      why: expect.stringMatching(/SHA-256|object format/),
    });
    expect(await resolve(await mirrorOf('/nowhere/at/all'), {})).toMatchObject({
      why: expect.stringContaining('cannot be reached'),
    });
  });

  test('an abort ends it', async () => {
    const directory = origin();
    const mirror = await mirrorOf(directory);
    const stopped = AbortSignal.abort(new Error('stopped'));
    const options = { mode: 'online' as const, signal: stopped };
    await expect(resolveClone(mirror, { branch: null, defaultBranch: null }, options)).rejects.toThrow('stopped');
  });

  test('several runs at once share a mirror', async () => {
    const directory = origin();
    const store = scratch();
    const branches = ['topic', 'main', 'topic', 'main', 'topic', 'main'];
    const found = await Promise.all(
      branches.map(async (branch) => resolve(await mirrorOf(directory, store), { branch })),
    );
    for (const [index, one] of found.entries()) {
      expect(one).toMatchObject({
        resolved: true,
        warning: null,
        commit: git(directory, 'rev-parse', branches[index] ?? ''),
      });
    }
  });
});

test('a URL runs no program and is no option', async () => {
  const mark = `${scratch()}/mark`;
  for (const url of [
    `ext::touch ${mark}`,
    `--upload-pack=touch ${mark}`,
    `-u touch\t${mark}`,
    `ssh://-oProxyCommand=touch%20${mark}/x`,
    `$(touch ${mark})`,
    'fd::17',
    '',
  ]) {
    expect(await resolve(await mirrorOf(url), {}), url).toMatchObject({ resolved: false });
  }
  expect(existsSync(mark)).toBe(false);
});

test('within a run a CLONE is resolved once, and its tree and manifest go by the commit', async () => {
  const directory = origin();
  const run = scratch();
  const clones = openClones({
    mirrors: scratch(),
    blobs: scratch(),
    scratch: async () => run,
    root: scratch(),
    env: gitEnv,
    branch: 'topic',
    mode: 'online',
  });
  const source = { url: directory, defaultBranch: null };
  const commit = git(directory, 'rev-parse', 'topic');
  const first = await clones.clone(source, signal);
  expect(first).toEqual({ tree: `clone:${commit}`, warning: null });
  git(directory, 'update-ref', 'refs/heads/topic', 'main');
  expect(await clones.clone(source, signal)).toEqual(first);
  expect(await clones.clone({ ...source, defaultBranch: 'main' }, signal)).toMatchObject({
    tree: `clone:${git(directory, 'rev-parse', 'main')}`,
  });
  expect(text(clones.tree(`clone:${commit}`) as FrozenTree, 'file')).toBe('topic');
  expect(dump(loadManifest(readFileSync(clones.manifests[`clone:${commit}`] ?? '')))).toEqual(
    dump(clones.tree(`clone:${commit}`) as FrozenTree),
  );
  expect(clones.tree('clone:0')).toBeNull();
  expect(await clones.clone({ url: '/nowhere', defaultBranch: null }, signal)).toMatchObject({
    failure: expect.stringContaining('cannot be reached'),
  });
});

describe('the files of a commit', () => {
  test('are those that git would check out without converting anything', async () => {
    const directory = scratch();
    git(directory, 'init', '-q');
    const files = {
      'run.sh': { executable: '#!/bin/sh' },
      'a/\udcff\n': 'bytes',
      link: { link: '../elsewhere' },
      crlf: 'a\r\nb',
      'kept/out.txt': 'x',
      '.gitattributes': 'kept export-ignore\n*.up filter=upper\n',
      'x.up': 'lower',
      large: 'z'.repeat(3 << 20),
      empty: '',
    };
    write(directory, files);
    git(directory, 'add', '.');
    git(directory, 'commit', '-qm', 'one');
    const mirror = await mirrorOf(directory, scratch(), {
      ...gitEnv,
      GIT_CONFIG_COUNT: '5',
      GIT_CONFIG_KEY_4: 'filter.upper.smudge',
      GIT_CONFIG_VALUE_4: 'tr a-z A-Z',
    });
    const resolved = await resolve(mirror, {});
    if (!resolved.resolved) throw new Error(resolved.why);
    const blobs = scratch();
    const tree = await treeOf(mirror, resolved.commit, blobs);
    expect(tree.list('' as RepoPath)).toEqual(
      [...new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''))].sort(compareNames),
    );
    for (const [path, node] of Object.entries(files)) {
      if (typeof node === 'object' && 'link' in node) {
        expect(tree.entry(path as RepoPath)).toEqual({ kind: 'link', target: node.link });
        continue;
      }
      const content = typeof node === 'string' ? node : node.executable;
      expect(tree.entry(path as RepoPath)).toEqual({
        kind: 'file',
        executable: typeof node === 'object',
        sizeBytes: Buffer.byteLength(content),
      });
      expect(tree.digest(path as RepoPath)).toBe(blobHash(content));
      expect(text(tree, path)).toBe(content);
      expect(tree.content(path as RepoPath)?.kind).toBe('immutable');
    }
    expect(dump(await treeOf(mirror, resolved.commit, blobs))).toEqual(dump(tree));
  });

  test('a submodule is an empty directory; names that would leave the tree are left out', async () => {
    const inner = origin();
    const directory = origin();
    git(directory, 'submodule', 'add', '-q', inner, 'libs/inner');
    git(directory, 'commit', '-qm', 'with a submodule');
    const mirror = await mirrorOf(directory);
    const resolved = await resolve(mirror, {});
    const tree = await treeOf(mirror, resolved.resolved ? resolved.commit : '');
    expect(tree.list('libs/inner' as RepoPath)).toEqual([]);

    const blob = git(directory, 'rev-parse', 'HEAD:file');
    const evil = execFileSync('git', ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], {
      cwd: directory,
      env: gitEnv,
      input: Buffer.concat(
        ['..', '.git', 'fine'].flatMap((name) => [Buffer.from(`100644 ${name}\0`), Buffer.from(blob, 'hex')]),
      ),
      encoding: 'utf8',
    }).trim();
    const commit = git(directory, 'commit-tree', '-m', 'evil', evil);
    const hostile = await treeOf({ git: createGit({ cwd: directory, env: gitEnv }), name: 'x' }, commit);
    expect(hostile.list('' as RepoPath)).toEqual(['fine']);
  });
});

test('over git://, also after the branch was rewritten', async () => {
  const base = scratch();
  execFileSync('mkdir', [`${base}/repo`]);
  const directory = origin(`${base}/repo`);
  const mirror = await mirrorOf(`${await gitDaemon(base)}/repo/.git`);
  const first = await resolve(mirror, { branch: 'topic' });
  expect(first).toMatchObject({ commit: git(directory, 'rev-parse', 'topic'), warning: null });
  git(directory, 'checkout', '-q', 'topic');
  writeFileSync(`${directory}/file`, 'rewritten');
  git(directory, 'commit', '-qa', '--amend', '-m', 'other');
  const second = await resolve(mirror, { branch: 'topic' });
  expect(second).toMatchObject({ commit: git(directory, 'rev-parse', 'topic'), warning: null });
  expect(text(await treeOf(mirror, second.resolved ? second.commit : ''), 'file')).toBe('rewritten');
  expect(text(await treeOf(mirror, first.resolved ? first.commit : ''), 'file')).toBe('topic');
});

test("over http with the host's credentials, which show nowhere", async () => {
  const base = scratch();
  execFileSync('mkdir', [`${base}/repo`]);
  origin(`${base}/repo`);
  const server = await gitHttp(base);
  const address = `${server.url.replace('http://', '')}/repo/.git`;

  const refused = await resolve(await mirrorOf(`http://${address}`), {});
  expect(refused).toMatchObject({
    resolved: false,
    why: expect.stringMatching(/cannot be reached: .*(terminal prompts disabled|Authentication failed)/),
  });

  const helper = `${scratch()}/helper`;
  writeFileSync(helper, '#!/bin/sh\n[ "$1" = get ] && printf "username=me\\npassword=sesame\\n"\n');
  chmodSync(helper, 0o755);
  const store = scratch();
  const mirror = await mirrorOf(`http://${address}`, store, {
    ...gitEnv,
    GIT_CONFIG_COUNT: '5',
    GIT_CONFIG_KEY_4: 'credential.helper',
    GIT_CONFIG_VALUE_4: helper,
  });
  const resolved = await resolve(mirror, { branch: 'topic' });
  expect(resolved).toMatchObject({ resolved: true, warning: null });
  expect(text(await treeOf(mirror, resolved.resolved ? resolved.commit : ''), 'file')).toBe('topic');
  expect(server.admitted()).toBeGreaterThan(0);

  const inUrl = await mirrorOf(`http://me:sesame@${address}`, store);
  expect(await resolve(inUrl, { branch: 'main' })).toMatchObject({ resolved: true });
  expect(spawnSync('grep', ['-rl', 'sesame', store], { encoding: 'utf8' }).stdout).toBe('');
  server.close();
  const lost = await resolve(inUrl, { branch: 'gone' });
  expect(JSON.stringify(lost)).not.toContain('sesame');
  expect(lost).toMatchObject({ resolved: false, why: expect.stringContaining('cannot be reached') });
});
