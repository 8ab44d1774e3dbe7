import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RepoPath, RepoReader } from '../../src/host.ts';
import { processes } from '../../src/node-host/processes.ts';
import { openRepository } from '../../src/node-host/repository.ts';
import { scratch } from '../support/scratch.ts';

const open = (directory: string): RepoReader => openRepository(directory, processes);
const at = (path: string) => path as RepoPath;
const git = (cwd: string, ...args: string[]) => void execFileSync('git', ['-C', cwd, ...args], { stdio: 'ignore' });

const tree = {
  Layerfile: 'FROM vm/debian:12\n',
  'web/Layerfile': 'FROM /\n',
  'web/src/a b.ts': 'a',
  'node_modules/x/Layerfile': '',
  '.layer/vendor/x/Layerfile': '',
  'built/Layerfile': '',
  'built/kept/Layerfile': '',
  'deep/ignored/Layerfile': '',
  'deep/Layerfile.md': '',
  'deep/kept/Layerfile': '',
  '.gitignore': 'built/*\n!built/kept\n',
  'deep/.gitignore': '/ignored/\n',
};
const expected = ['Layerfile', 'built/kept/Layerfile', 'deep/kept/Layerfile', 'web/Layerfile'];

describe('the root', () => {
  test('is the nearest git working tree, else the directory itself', () => {
    const root = scratch({ '.git/HEAD': '', 'a/b/c': '' });
    expect(open(join(root, 'a/b'))).toMatchObject({ root, git: true });
    const bare = scratch({ 'a/b': '' });
    expect(open(join(bare, 'a'))).toMatchObject({ root: join(bare, 'a'), git: false });
  });
});

describe('layerfiles', () => {
  test('asks git, which knows what is ignored', async () => {
    const root = scratch(tree);
    git(root, 'init');
    expect(await open(root).layerfiles()).toEqual(expected);
    git(root, 'add', '-f', 'Layerfile', 'built/Layerfile');
    expect(await open(join(root, 'web')).layerfiles()).toEqual(['Layerfile', 'built/Layerfile', ...expected.slice(1)]);
  });

  test('finds the same without git', async () => {
    expect(await open(scratch(tree)).layerfiles()).toEqual(expected);
  });

  test('walks where git refuses to speak', async () => {
    const root = scratch({ ...tree, '.git/info/exclude': 'web/\n' });
    expect(await open(root).layerfiles()).toEqual(expected.filter((path) => path !== 'web/Layerfile'));
  });

  test('leaves out what is deleted, and what belongs to repositories inside', async () => {
    const root = scratch({ Layerfile: '', 'gone/Layerfile': '', 'inner/Layerfile': '' });
    git(root, 'init');
    git(root, 'add', 'gone');
    git(root, 'rm', '-f', 'gone/Layerfile');
    git(join(root, 'inner'), 'init');
    expect(await open(root).layerfiles()).toEqual(['Layerfile']);
    const plain = scratch({ Layerfile: '', 'inner/Layerfile': '', 'inner/.git/HEAD': '' });
    expect(await open(plain).layerfiles()).toEqual(['Layerfile']);
  });

  test('names directories called Layerfile, and links', async () => {
    const root = scratch({ 'a/Layerfile/x': '', 'b/Layerfile': { link: '../c' } });
    expect(await open(root).layerfiles()).toEqual(['a/Layerfile', 'b/Layerfile']);
    git(root, 'init');
    expect(await open(root).layerfiles()).toEqual(['a/Layerfile', 'b/Layerfile']);
    const empty = scratch({ 'Layerfile/': '' });
    git(empty, 'init');
    expect(await open(empty).layerfiles()).toEqual(['Layerfile']);
  });
});

describe('reading', () => {
  test('gives bytes, kinds, links and listings', () => {
    const repo = open(
      scratch({
        'b/x': 'text',
        'b/a/': '',
        'b/to-x': { link: 'x' },
        'b/to-a': { link: 'a' },
        'b/nowhere': { link: 'none' },
      }),
    );
    const read = repo.read(at('b/to-x'));
    expect('bytes' in read && Buffer.from(read.bytes).toString()).toBe('text');
    expect(repo.kind(at(''))).toBe('directory');
    expect(repo.kind(at('b/x'))).toBe('file');
    expect(repo.kind(at('b/to-x'))).toBe('link');
    expect(repo.kind(at('b/none'))).toBeNull();
    expect(repo.kind(at('b/x/below'))).toBeNull();
    expect(repo.kind(at('b/\0'))).toBeNull();
    expect(repo.link(at('b/to-x'))).toBe('x');
    expect(repo.link(at('b/x'))).toBeNull();
    expect(repo.list(at('b'))).toEqual([
      { name: 'a', kind: 'directory' },
      { name: 'nowhere', kind: 'link' },
      { name: 'to-a', kind: 'link' },
      { name: 'to-x', kind: 'link' },
      { name: 'x', kind: 'file' },
    ]);
    expect(repo.list(at('b/to-a'))).toEqual([]);
    expect(repo.list(at('b/x'))).toBeNull();
    expect(repo.read(at('b/nowhere'))).toEqual({ failure: 'absent' });
    expect(repo.read(at('b'))).toEqual({ failure: 'not-a-file' });
    expect(repo.read(at('c'))).toEqual({ failure: 'absent' });
    expect(repo.read(at('x'.repeat(5000)))).toEqual({ failure: 'absent' });
  });

  test('never follows a link out of the repository', () => {
    const outside = scratch({ secret: 'secret', 'd/secret': 'secret' });
    const repo = open(
      scratch({
        'to-file': { link: `${outside}/secret` },
        'to-directory': { link: outside },
        hop: { link: 'to-directory' },
        loop: { link: 'loop' },
        'a/up': { link: '../../../etc' },
      }),
    );
    for (const path of ['to-file', 'to-directory/secret', 'to-directory/d/secret', 'hop/secret', 'a/up/passwd']) {
      expect(repo.read(at(path))).toEqual({ failure: 'outside' });
    }
    expect(repo.kind(at('to-directory/secret'))).toBeNull();
    expect(repo.list(at('to-directory'))).toBeNull();
    expect(repo.list(at('hop/d'))).toBeNull();
    expect(repo.kind(at('to-file'))).toBe('link');
    expect(repo.read(at('loop'))).toEqual({ failure: 'failed' });
  });

  test('is not held up by a pipe', () => {
    const root = scratch();
    execFileSync('mkfifo', [join(root, 'Layerfile')]);
    expect(open(root).read(at('Layerfile'))).toEqual({ failure: 'not-a-file' });
    expect(open(root).kind(at('Layerfile'))).toBe('other');
  });

  test('sees what changes', () => {
    const root = scratch();
    const repo = open(root);
    expect(repo.kind(at('a/b'))).toBeNull();
    mkdirSync(join(root, 'a'));
    writeFileSync(join(root, 'a/b'), '');
    expect(repo.kind(at('a/b'))).toBe('file');
  });
});
