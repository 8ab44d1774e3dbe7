import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { hostPath, statPath } from '../../../src/runner/input/disk.ts';
import { parseIndex } from '../../../src/runner/input/git-index.ts';
import { blobHash } from '../view/memory-tree.ts';
import { frozen, git, indexOf, scratch, write } from './workspace.ts';
import type { MemoryFiles } from '../view/memory-tree.ts';

/** Longer than the step of the clock that stamps files. */
const step = 40;
const writtenAt = 1_500_000_000;

async function repository(files: MemoryFiles, ...configure: string[][]): Promise<string> {
  const root = scratch();
  git(root, 'init', '-q');
  for (const args of configure) git(root, ...args);
  write(root, files);
  for (const [path, node] of Object.entries(files)) {
    if (typeof node !== 'object') utimesSync(hostPath(`${root}/${path}`), writtenAt, writtenAt);
  }
  await setTimeout(step);
  git(root, 'add', '.');
  return root;
}

/** The hash that git vouches for; null where it may not. */
function vouched(root: string, path: string): string | null {
  const stat = statPath(`${root}/${path}`);
  return stat === null ? null : indexOf(root).find(path as RepoPath, stat);
}

/** Rewrites a file so that size and mtime stay: the times of all files here are whole seconds. */
function disguise(path: string, text: string): void {
  const before = lstatSync(path, { bigint: true });
  writeFileSync(path, text);
  utimesSync(path, writtenAt, writtenAt);
  const after = lstatSync(path, { bigint: true });
  if (before.mtimeNs !== after.mtimeNs || before.size !== after.size) throw new Error('not disguised');
}

describe('git vouches for', () => {
  test('a clean file, also one with a strange name, an executable, and one that is called binary', async () => {
    const root = await repository({
      a: 'x',
      'new\nline/\ud83d\ude00': 'y',
      tool: { executable: '#!' },
      'i.png': 'png\r\n',
      '.gitattributes': '*.png binary\n',
    });
    expect(vouched(root, 'a')).toBe(blobHash('x'));
    expect(vouched(root, 'new\nline/\ud83d\ude00')).toBe(blobHash('y'));
    expect(vouched(root, 'tool')).toBe(blobHash('#!'));
    expect(vouched(root, 'i.png')).toBe(blobHash('png\r\n'));
  });

  test('a name that is not UTF-8', async () => {
    const root = await repository({ 'd\udcff/\udc80': 'x' });
    expect(vouched(root, 'd\udcff/\udc80')).toBe(blobHash('x'));
  });

  test('files seen from a subdirectory of the repository, in version 4 of the index', async () => {
    const root = await repository({ 'web/a': 'x', 'web/ab': 'y', 'z/a': 'z' }, ['config', 'index.version', '4']);
    expect(readFileSync(`${root}/.git/index`).readUInt32BE(4)).toBe(4);
    expect(vouched(`${root}/web`, 'a')).toBe(blobHash('x'));
    expect(vouched(`${root}/web`, 'ab')).toBe(blobHash('y'));
    expect(vouched(root, 'z/a')).toBe(blobHash('z'));
  });

  test('files of a linked working tree, a detached HEAD, a shallow clone', async () => {
    const root = await repository({ a: 'x' });
    git(root, 'commit', '-qm', 'one');
    git(root, 'commit', '-qm', 'two', '--allow-empty');
    const other = `${scratch()}/other`;
    git(root, 'worktree', 'add', '-q', '--detach', other);
    await setTimeout(step);
    git(other, 'update-index', '--refresh');
    git(other, 'read-tree', 'HEAD');
    git(other, 'update-index', '--refresh');
    expect(vouched(other, 'a')).toBe(blobHash('x'));
    const shallow = `${scratch()}/shallow`;
    git(root, 'clone', '-q', '--depth', '1', `file://${root}`, shallow);
    await setTimeout(step);
    git(shallow, 'read-tree', 'HEAD');
    git(shallow, 'update-index', '--refresh');
    expect(vouched(shallow, 'a')).toBe(blobHash('x'));
  });
});

describe('git does not vouch for', () => {
  const dirty: Record<string, (root: string) => void> = {
    'an edited file': (root) => writeFileSync(`${root}/a`, 'changed'),
    'an edit that kept size and mtime': (root) => disguise(`${root}/a`, 'X'),
    'a touched file': (root) => utimesSync(`${root}/a`, 5, 5),
    'a file with another mode': (root) => chmodSync(`${root}/a`, 0o755),
    'a file that is assumed unchanged': (root) => git(root, 'update-index', '--assume-unchanged', 'a'),
    'a file outside the sparse checkout': (root) => git(root, 'update-index', '--skip-worktree', 'a'),
    'a file that is only going to be added': (root) => {
      git(root, 'rm', '-q', '--cached', 'a');
      git(root, 'add', '--intent-to-add', 'a');
    },
    'an untracked file': (root) => git(root, 'rm', '-q', '--cached', 'a'),
    'text that git may convert': (root) => writeFileSync(`${root}/.gitattributes`, '* text=auto\n'),
    'text with a line end of its own': (root) => writeFileSync(`${root}/.gitattributes`, 'a eol=crlf\n'),
    'a filtered file': (root) => writeFileSync(`${root}/.gitattributes`, 'a filter=lfs -text\n'),
    'a file with keywords': (root) => writeFileSync(`${root}/.gitattributes`, 'a ident\n'),
    'a file in another encoding': (root) => writeFileSync(`${root}/.gitattributes`, 'a working-tree-encoding=UTF-16\n'),
    'attributes that only this clone has': (root) => {
      mkdirSync(`${root}/.git/info`, { recursive: true });
      writeFileSync(`${root}/.git/info/attributes`, 'a filter=secret\n');
    },
    'anything where line ends are converted by configuration': (root) => git(root, 'config', 'core.autocrlf', 'input'),
    'anything in a split index': (root) => git(root, 'update-index', '--split-index'),
    'anything where the index is damaged': (root) => {
      const index = readFileSync(`${root}/.git/index`);
      index[60] = (index[60] ?? 0) ^ 1;
      writeFileSync(`${root}/.git/index`, index);
    },
    'anything where there is no index': (root) => rmSync(`${root}/.git/index`),
    'a file known under another name': (root) => {
      const [mode = '', hash = ''] = git(root, 'ls-files', '-s', 'a').split(/\s/);
      git(root, 'rm', '-q', '--cached', 'a');
      git(root, 'update-index', '--add', '--cacheinfo', `${mode},${hash},b`);
    },
  };
  test.each(Object.entries(dirty))('%s', async (_, change) => {
    const root = await repository({ a: 'x' });
    expect(vouched(root, 'a')).toBe(blobHash('x'));
    change(root);
    expect(vouched(root, 'a')).toBeNull();
  });

  test('a file written in the same instant as the index', async () => {
    const root = scratch();
    git(root, 'init', '-q');
    write(root, { a: 'x' });
    git(root, 'add', '.');
    const stat = statPath(`${root}/a`);
    const index = `${root}/.git/index`;
    utimesSync(index, Number(stat?.mtimeNs ?? 0n) / 1e9, Number(stat?.mtimeNs ?? 0n) / 1e9);
    expect(vouched(root, 'a')).toBeNull();
  });

  test('what an LFS-like filter stored, while the working tree holds the real file', async () => {
    const root = await repository({ '.gitattributes': '*.bin filter=pointer\n', 'a.bin': 'large content' }, [
      'config',
      'filter.pointer.clean',
      'echo pointer',
    ]);
    expect(git(root, 'ls-files', '-s', 'a.bin')).toContain(blobHash('pointer\n'));
    expect(vouched(root, 'a.bin')).toBeNull();
    expect((await frozen(root, [''], { index: indexOf(root) })).tree.digest('a.bin' as RepoPath)).toBe(
      blobHash('large content'),
    );
  });

  test('files of a submodule, of a repository with SHA-256, and where there is no repository at all', async () => {
    const inner = await repository({ x: 'x' });
    git(inner, 'commit', '-qm', 'one');
    const root = await repository({ a: 'x' });
    git(root, 'submodule', 'add', '-q', inner, 'sub');
    expect(vouched(root, 'sub/x')).toBeNull();
    const other = scratch();
    git(other, 'init', '-q', '--object-format=sha256');
    write(other, { a: 'x' });
    await setTimeout(step);
    git(other, 'add', '.');
    expect(vouched(other, 'a')).toBeNull();
    const bare = scratch();
    write(bare, { a: 'x' });
    expect(vouched(bare, 'a')).toBeNull();
  });
});

test('many clean files are not read, the edited one is', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`d${index % 7}/f${index}`, `text ${index}`]),
  );
  const root = await repository(files);
  writeFileSync(`${root}/d3/f3`, 'edited');
  const { tree, hashed } = await frozen(root, [''], { index: indexOf(root) });
  expect(hashed).toBe(1);
  for (const [path, text] of Object.entries(files)) {
    expect(tree.digest(path as RepoPath)).toBe(blobHash(path === 'd3/f3' ? 'edited' : text));
  }
  expect(tree.content('d3/f3' as RepoPath)?.kind).toBe('immutable');
  expect(tree.content('d3/f10' as RepoPath)?.kind).toBe('working');
});

test('an index is read as `git ls-files` reads it, in every version', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`${'deep/'.repeat(index % 5)}n${index}`, `${index}`]),
  );
  for (const version of ['2', '3', '4']) {
    const root = await repository({ ...files, 'is going to be': '' }, ['config', 'index.version', version]);
    if (version === '3') git(root, 'update-index', '--skip-worktree', 'n0');
    const listed = git(root, 'ls-files', '-s')
      .split('\n')
      .map((line) => line.replace(/^\d+ (\w+) 0\t/, '$1 '))
      .filter((line) => version !== '3' || !line.endsWith(' n0'));
    copyFileSync(`${root}/.git/index`, `${root}/copy`);
    const parsed = parseIndex(readFileSync(`${root}/copy`));
    expect([...(parsed ?? [])].map(([path, entry]) => `${entry.digest} ${path}`)).toEqual(listed);
  }
});
