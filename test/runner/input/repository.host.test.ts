import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { openRepository } from '../../../src/runner/input/repository.ts';
import type { RepositoryInput } from '../../../src/runner/input/repository.ts';
import { openView } from '../../../src/runner/view/open.ts';
import type { ViewSpec } from '../../../src/runner/view/view.ts';
import { blobHash } from '../view/memory-tree.ts';
import { serveDirectory } from '../fuse/served.ts';
import { gitEnv, later, scratch, write } from './workspace.ts';

const at = (path: string) => path as RepoPath;
const signal = new AbortController().signal;

function open(root: string, store: string, hidden: readonly string[] = []): RepositoryInput {
  const directories = { blobs: `${store}/blobs`, stats: `${store}/stats` };
  return openRepository({
    root,
    hidden: hidden as RepoPath[],
    ...directories,
    env: gitEnv,
    clock: later,
    looks: [],
    key: '',
  });
}

const everything: ViewSpec = {
  ordinal: 0,
  tree: 'repository',
  sources: [{ path: at(''), glob: false }],
  destination: '/app' as GuestPath,
  placement: 'into',
  ancestors: [],
};

test('what one run hashed the next one knows; each look is a new one', async () => {
  const root = scratch();
  const store = scratch();
  write(root, { a: 'one', 'd/b': 'two' });
  const first = open(root, store);
  expect((await first.freeze({ specs: [everything], shownMtimeNs: null, signal })).hashed).toBe(2);
  first.save();
  expect(readdirSync(`${store}/stats`)).toHaveLength(1);
  const second = open(root, store);
  const before = second.live();
  expect(before.digest(at('a'))).toBe(blobHash('one'));
  writeFileSync(`${root}/a`, 'other');
  expect(before.digest(at('a'))).toBe(blobHash('one'));
  expect(second.live().digest(at('a'))).toBe(blobHash('other'));
  const shown = await second.freeze({ specs: [everything], shownMtimeNs: (path) => BigInt(path.length), signal });
  expect([shown.hashed, shown.tree.mtimeNs(at('d/b'))]).toEqual([1, 3n]);
});

test('a store inside the repository is in no view', async () => {
  const root = scratch();
  write(root, { a: '' });
  const input = open(root, `${root}/cache/store`, ['cache/store']);
  await input.freeze({ specs: [everything], shownMtimeNs: null, signal });
  input.save();
  const { tree } = await input.freeze({ specs: [everything], shownMtimeNs: null, signal });
  expect([tree.list(at('')), tree.list(at('cache'))]).toEqual([['a', 'cache'], []]);
});

test('where times tell nothing, a file is read again by each run', async () => {
  const root = scratch();
  const store = scratch();
  const program = fileURLToPath(new URL('./digest.ts', import.meta.url));
  // One image after another at the same place: the files in them have the same size, inode and times.
  const look = async (content: string): Promise<string> => {
    await using image = await serveDirectory({ fill: (directory) => writeFileSync(`${directory}/f`, content) });
    const { stdout, stderr } = await image.run(
      `stat -c '%s %i %Y %Z' f && mount --bind . ${root} && node --disable-warning=ExperimentalWarning ${program} ${root} ${store}`,
    );
    expect(stderr).toBe('');
    return stdout;
  };
  const [first, second] = [await look('one\n'), await look('two\n')].map((text) => text.trim().split('\n'));
  expect(second?.[0]).toBe(first?.[0]);
  expect([first?.[1], second?.[1]]).toEqual([blobHash('one\n'), blobHash('two\n')]);
});

describe('100,000 files in one directory', () => {
  test('are frozen, listed and looked up', { timeout: 120_000 }, async () => {
    const root = scratch();
    execFileSync('bash', ['-c', 'mkdir d && cd d && seq -f "file-%06.0f.ts" 0 99999 | xargs touch -d 2020-01-01'], {
      cwd: root,
    });
    const frozen = await open(root, scratch()).freeze({ specs: [everything], shownMtimeNs: null, signal });
    expect([frozen.files, frozen.unreadable]).toEqual([100_000, []]);
    const view = openView(everything, frozen.tree);
    expect(view.list('/app/d' as GuestPath)).toHaveLength(100_000);
    expect(view.entry('/app/d/file-099999.ts' as GuestPath)?.kind).toBe('file');
    expect(view.entry('/app/d/file-100000.ts' as GuestPath)).toBeNull();
    // The copies of what was touched lately are bounded, whatever there is.
    expect(frozen.copied).toBeLessThanOrEqual(250);
  });
});

test('a check touches what it is asked about, and nothing else', () => {
  const root = scratch();
  const store = scratch();
  for (let index = 0; index < 50; index += 1) write(root, { [`d${index}/f`]: `${index}` });
  const program = fileURLToPath(new URL('./look.ts', import.meta.url));
  const log = `${store}/log`;
  const traced = [
    '-f',
    '-qq',
    '-e',
    'trace=%file',
    '-o',
    log,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    program,
    root,
    store,
  ];
  execFileSync('strace', traced, { stdio: 'ignore' });
  const touched = new Set(
    readFileSync(log, 'utf8')
      .split('\n')
      .flatMap((line) => /"([^"]*)"/.exec(line)?.[1] ?? [])
      .filter((path) => path.startsWith(`${root}/`))
      .map((path) => path.slice(root.length + 1)),
  );
  expect([...touched].sort()).toEqual(['.layerignore', 'd7', 'd7/f', 'd7/none', 'd9', 'd9/none']);
});
