import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openRepository } from '../../src/node-host/repository.ts';
import { processes } from '../../src/node-host/processes.ts';
import { readGitFacts } from '../../src/runner/input/git-facts.ts';
import { createGit } from '../../src/runner/input/git.ts';
import { openGitMemory } from '../../src/world/git-memory.ts';
import { git, scratch, write } from '../runner/input/workspace.ts';

const home = '/nonexistent';
/** By then all that a test writes has rested. */
const laterMs = 10_000;

interface Place {
  readonly root: string;
  readonly file: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

function open({ root, file, environment }: Place, afterMs = laterMs) {
  return openGitMemory({ root, file, environment, nowMs: Date.now() + afterMs });
}

async function ask({ root, environment }: Place) {
  const facts = await readGitFacts({
    git: createGit({ cwd: root, env: environment }),
    root,
    signal: new AbortController().signal,
  });
  return { facts, layerfiles: await openRepository(root, processes).layerfiles() };
}

/** A repository of which all is remembered. */
async function remembered(environment: Record<string, string | undefined> = {}): Promise<Place> {
  const place = {
    root: scratch(),
    file: `${scratch()}/stats/memory`,
    environment: { PATH: process.env['PATH'], HOME: home, ...environment },
  };
  const { root } = place;
  git(root, 'init', '-q');
  write(root, { Layerfile: 'FROM vm/debian:12\n', 'a/Layerfile': 'FROM vm/debian:12\n', 'a/b/file': '' });
  write(root, {
    'rules/.gitignore': '*.o\n',
    '.gitignore': 'ignored/\n',
    'ignored/Layerfile': '',
    'node_modules/x/Layerfile': '',
  });
  git(root, 'add', 'Layerfile', 'a/b');
  git(root, 'commit', '-q', '-m', 'first');
  git(root, 'tag', '-a', 'v1', '-m', 'one');
  open(place).remember(await ask(place));
  return place;
}

test('what git said is said again while nothing that it goes by has changed', async () => {
  const place = await remembered();
  const { facts, layerfiles } = open(place);
  expect({ facts, layerfiles }).toEqual(await ask(place));
  expect(layerfiles).toEqual(['Layerfile', 'a/Layerfile']);
  expect(facts).toMatchObject({ tag: 'v1', title: 'first' });
});

test.each<[string, (place: Place) => void]>([
  ['a file is edited', ({ root }) => writeFileSync(`${root}/a/b/file`, 'edited')],
  ['a Layerfile is edited', ({ root }) => writeFileSync(`${root}/Layerfile`, 'FROM vm/ubuntu:24.04\n')],
  [
    'an editor puts a new file in the place of the old one',
    ({ root }) => {
      writeFileSync(`${root}/a/b/.file.new`, 'edited');
      renameSync(`${root}/a/b/.file.new`, `${root}/a/b/file`);
    },
  ],
  ['something happens where nobody looks for Layerfiles', ({ root }) => writeFileSync(`${root}/node_modules/y`, '')],
])('all of it stands when %s', async (_, change) => {
  const place = await remembered();
  change(place);
  const { facts, layerfiles } = open(place);
  expect({ facts, layerfiles }).toEqual(await ask(place));
});

test.each<[string, (place: Place) => void]>([
  ['a commit is made', ({ root }) => git(root, 'commit', '-q', '--allow-empty', '-m', 'second')],
  ['a commit is made anew', ({ root }) => git(root, 'commit', '-q', '--amend', '--allow-empty', '-m', 'again')],
  ['another branch is checked out', ({ root }) => git(root, 'checkout', '-q', '-b', 'other')],
  ['no branch is checked out', ({ root }) => git(root, 'checkout', '-q', '--detach')],
  ['the branch has another name', ({ root }) => git(root, 'branch', '-m', 'renamed')],
  ['a tag is new', ({ root }) => git(root, 'tag', '-a', 'v2', '-m', 'two')],
  ['a tag in a directory is new', ({ root }) => git(root, 'tag', '-a', 'x/v2', '-m', 'two')],
  ['a tag is gone', ({ root }) => git(root, 'tag', '-d', 'v1')],
  ['tags are packed, and one is new', ({ root }) => git(root, 'pack-refs', '--all')],
  ['it gets an origin', ({ root }) => git(root, 'remote', 'add', 'origin', 'https://example.org/x')],
])('facts are asked for again when %s', async (_, change) => {
  const place = await remembered();
  change(place);
  expect(open(place).facts).toBeNull();
});

test('another person is told what git tells them', async () => {
  const place = await remembered();
  const environment = { ...place.environment, HOME: '/elsewhere' };
  expect(open({ ...place, environment })).toMatchObject({ facts: null, layerfiles: null });
});

test.each<[string, (place: Place) => void]>([
  ['one is new', ({ root }) => writeFileSync(`${root}/a/b/Layerfile`, '')],
  ['one is new in a new directory', ({ root }) => write(root, { 'a/new/deep/Layerfile': '' })],
  ['one is gone', ({ root }) => rmSync(`${root}/a/Layerfile`)],
  ['a directory takes the place of one', ({ root }) => (rmSync(`${root}/Layerfile`), mkdirSync(`${root}/Layerfile`))],
  ['one is ignored', ({ root }) => writeFileSync(`${root}/.gitignore`, 'ignored/\na/\n')],
  ['one is no longer ignored', ({ root }) => writeFileSync(`${root}/.gitignore`, '\n')],
  ['a directory gets rules of its own', ({ root }) => writeFileSync(`${root}/a/.gitignore`, '*\n')],
  ['one is ignored in this clone only', ({ root }) => write(root, { '.git/info/exclude': 'a/\n' })],
  ['an ignored one is added all the same', ({ root }) => git(root, 'add', '-f', 'ignored/Layerfile')],
  [
    'a file takes the place of a directory with rules of its own',
    ({ root }) => (rmSync(`${root}/rules`, { recursive: true }), writeFileSync(`${root}/rules`, '')),
  ],
  ['a directory becomes a repository of its own', ({ root }) => git(`${root}/a`, 'init', '-q')],
])('Layerfiles are looked for again when %s', async (_, change) => {
  const place = await remembered();
  change(place);
  expect(open(place).layerfiles).toBeNull();
});

test.each<[string, (place: Place) => void]>([
  ['reads configuration from elsewhere', ({ root }) => git(root, 'config', 'include.path', '/nonexistent')],
  ['ignores what another file says', ({ root }) => git(root, 'config', 'core.excludesFile', '/nonexistent')],
  [
    'replaces commits',
    ({ root }) => {
      git(root, 'commit', '-q', '--allow-empty', '-m', 'second');
      git(root, 'replace', 'HEAD', 'HEAD~1');
    },
  ],
  ['borrows objects', ({ root }) => write(root, { '.git/objects/info/alternates': '/nonexistent\n' })],
])('nothing is remembered of a repository that %s', async (_, change) => {
  const place = await remembered();
  change(place);
  rmSync(place.file);
  open(place).remember(await ask(place));
  expect(open(place)).toMatchObject({ facts: null, layerfiles: null });
});

test('nothing is remembered of what was touched just before, nor for an environment in which git looks elsewhere', async () => {
  const place = await remembered();
  rmSync(place.file);
  open(place, 0).remember(await ask(place));
  expect(open(place)).toMatchObject({ facts: null, layerfiles: null });
  const elsewhere = await remembered({ GIT_DIR: '/elsewhere' });
  expect(open(elsewhere)).toMatchObject({ facts: null, layerfiles: null });
});

test('a memory that is not as it was written is none', async () => {
  const place = await remembered();
  const bytes = readFileSync(place.file);
  for (const at of [0, 20, 60, bytes.length - 3]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    writeFileSync(place.file, changed);
    expect(open(place)).toMatchObject({ facts: null, layerfiles: null });
  }
});
