import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, openSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { memoryStatCache, openStatCache } from '../../../src/runner/input/stat-cache.ts';
import type { StatCache } from '../../../src/runner/input/stat-cache.ts';
import { fingerprint } from '../../../src/runner/view/fingerprint.ts';
import { loadManifest } from '../../../src/runner/view/manifest.ts';
import { openView } from '../../../src/runner/view/open.ts';
import type { FrozenTree } from '../../../src/runner/view/tree.ts';
import { blobHash } from '../view/memory-tree.ts';
import { dump, frozen, liveTree, now, scratch, write } from './workspace.ts';

const at = (path: string) => path as RepoPath;

/** What a view server would serve; null where it would refuse, since the file is another by now. */
function served(tree: FrozenTree, path: string): Buffer | null {
  const content = tree.content(at(path));
  if (content === null) return null;
  const fd = openSync(content.path, 'r');
  const bytes = readFileSync(fd);
  const stat = fstatSync(fd, { bigint: true });
  const same = stat.mtimeNs === content.mtimeNs && stat.ctimeNs === content.ctimeNs && stat.ino === content.inode;
  return content.kind === 'immutable' || (same && Number(stat.size) === content.sizeBytes) ? bytes : null;
}

/** Long ago, so that nothing is recent. */
function age(root: string, path: string): void {
  utimesSync(`${root}/${path}`, 1_000_000_000, 1_000_000_000);
}

describe('what is taken', () => {
  const files = {
    'web/a.ts': 'a',
    'web/.git': 'gitdir: elsewhere',
    'api/b.go': 'b',
    '.git/HEAD': 'ref',
    '.git/objects/x': 'o',
    'go.mod': 'm',
    'x/y/z.json': '{}',
    link: { link: 'web' },
  };
  const paths = async (sources: readonly string[]) => {
    const root = scratch();
    write(root, files);
    return dump((await frozen(root, sources)).tree).map((line) => line.replace(/ [x-] \d+ \w+$/, ''));
  };

  test('only what a COPY can name, and the way to it', async () => {
    expect(await paths(['web'])).toEqual(['/', 'web/', 'web/a.ts']);
    expect(await paths(['x/y'])).toEqual(['/', 'x/', 'x/y/', 'x/y/z.json']);
    expect(await paths(['x/y', 'x'])).toEqual(['/', 'x/', 'x/y/', 'x/y/z.json']);
    expect(await paths(['go.mod', 'link', 'none', 'go.mod/x', 'link/a.ts'])).toEqual(['/', 'go.mod', 'link -> web']);
    expect(await paths(['*.mod'])).toEqual(['/', 'go.mod']);
    expect(await paths(['*/*.ts'])).toEqual(['/', 'web/', 'web/a.ts']);
    expect(await paths([])).toEqual(['/']);
  });

  test('.git only where it is named', async () => {
    expect((await paths([''])).join()).not.toContain('.git');
    expect(await paths(['.git'])).toEqual(['/', '.git/', '.git/HEAD', '.git/objects/', '.git/objects/x']);
    expect(await paths(['', '.git'])).toContain('.git/HEAD');
    expect(await paths(['', '.git'])).not.toContain('web/.git');
    expect(await paths(['web/.git'])).toEqual(['/', 'web/', 'web/.git']);
  });
});

test('the manifest is the tree', async () => {
  const root = scratch();
  write(root, { 'a/b': 'x', '\udcff': 'y' });
  const { tree, manifest } = await frozen(root);
  expect(dump(loadManifest(manifest))).toEqual(dump(tree));
});

test('a young file is served from a copy, so a later write changes nothing', async () => {
  const root = scratch();
  const blobs = scratch();
  write(root, { f: 'first', 'tool.sh': { executable: '#!' } });
  const { tree, copied } = await frozen(root, [''], { blobs, clock: now });
  writeFileSync(`${root}/f`, 'other');
  expect(tree.content(at('f'))).toMatchObject({ kind: 'immutable', sizeBytes: 5 });
  expect(served(tree, 'f')?.toString()).toBe('first');
  expect(tree.entry(at('tool.sh'))).toMatchObject({ executable: true });
  expect(copied).toBe(2);
  expect(statSync(tree.content(at('f'))?.path ?? '').mode & 0o077).toBe(0);
  expect(readdirSync(`${blobs}/new`)).toEqual([]);
});

test('what was edited lately is copied if it is small, and the copy is found again', async () => {
  const root = scratch();
  const blobs = scratch();
  const stats = memoryStatCache();
  write(root, { small: 'x', large: 'y'.repeat(2 << 20) });
  const first = await frozen(root, [''], { blobs, stats });
  expect([first.hashed, first.copied]).toEqual([2, 1]);
  expect(first.tree.content(at('large'))?.kind).toBe('working');
  const second = await frozen(root, [''], { blobs, stats });
  expect([second.hashed, second.copied]).toEqual([0, 1]);
  expect(served(second.tree, 'small')?.toString()).toBe('x');
  rmSync(second.tree.content(at('small'))?.path ?? '');
  expect(served((await frozen(root, [''], { blobs, stats })).tree, 'small')?.toString()).toBe('x');
});

test('a file in place that is written to afterwards is refused, not served', async () => {
  const root = scratch();
  write(root, { large: 'y'.repeat(2 << 20) });
  age(root, 'large');
  const { tree } = await frozen(root);
  expect(blobHash(served(tree, 'large') ?? '')).toBe(tree.digest(at('large')));
  writeFileSync(`${root}/large`, 'z'.repeat(2 << 20));
  age(root, 'large');
  expect(served(tree, 'large')).toBeNull();
});

test('a file that is written between the look and the hash is copied, whatever its size', async () => {
  const root = scratch();
  write(root, { large: 'y'.repeat(2 << 20) });
  const cache = memoryStatCache();
  const atMs = Date.now() + 3000;
  const stats: StatCache = {
    ...cache,
    find() {
      // By this clock the first write is three seconds old, and this one not yet two.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1200);
      writeFileSync(`${root}/large`, 'z'.repeat(2 << 20));
      return null;
    },
  };
  const { tree } = await frozen(root, [''], { stats, clock: { now: () => atMs } });
  expect(tree.content(at('large'))?.kind).toBe('immutable');
  expect(tree.digest(at('large'))).toBe(blobHash('z'.repeat(2 << 20)));
});

test('unchanged files are not read again', async () => {
  const root = scratch();
  const file = `${scratch()}/stats`;
  const blobs = scratch();
  write(root, { a: '1', b: '2', 'c/d': '3' });
  const stats = openStatCache(file);
  expect((await frozen(root, [''], { stats, blobs })).hashed).toBe(3);
  stats.save();
  expect((await frozen(root, [''], { stats: openStatCache(file), blobs })).hashed).toBe(0);
  writeFileSync(`${root}/b`, '4');
  const again = await frozen(root, [''], { stats: openStatCache(file), blobs });
  expect([again.hashed, again.tree.digest(at('b'))]).toEqual([1, blobHash('4')]);
});

test('while a writer never rests, every frozen hash is that of the bytes that would be served', async () => {
  const root = scratch();
  const blobs = scratch();
  for (let index = 0; index < 20; index += 1) {
    write(root, { [`f${index}`]: 'start'.repeat(500 * (index + 1)) });
    age(root, `f${index}`);
  }
  const program = `${scratch()}/writer.mjs`;
  writeFileSync(
    program,
    `import { writeFileSync, renameSync, utimesSync } from 'node:fs';
     process.send('ready');
     for (let n = 0; ; n += 1) {
       const path = process.argv[2] + '/f' + (n % 20);
       const text = String(n).padEnd(5, '.').repeat(500 * ((n % 20) + 1));
       if (n % 3 === 0) { writeFileSync(path + '.new', text); renameSync(path + '.new', path); }
       else writeFileSync(path, text);
       if (n % 2 === 0) utimesSync(path, 1e9, 1e9);
       if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
     }`,
  );
  const writer = fork(program, [root]);
  await once(writer, 'message');
  try {
    const stats = memoryStatCache();
    let refused = 0;
    for (let round = 0; round < 40; round += 1) {
      const { tree } = await frozen(root, [''], { blobs, stats, clock: now });
      for (const path of tree.list(at('')) ?? []) {
        const bytes = served(tree, path);
        if (bytes === null) refused += 1;
        else expect(blobHash(bytes), `${path} in round ${round}`).toBe(tree.digest(at(path)));
      }
    }
    expect(refused).toBe(0);
    // What was remembered meanwhile may not be believed of files that have changed since.
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const live = liveTree(root, { stats });
    for (const path of live.list(at('')) ?? []) {
      expect(live.digest(at(path)), path).toBe(blobHash(readFileSync(`${root}/${path}`)));
    }
  } finally {
    writer.kill('SIGKILL');
  }
});

test('an abort ends it with the reason', async () => {
  const root = scratch();
  for (let index = 0; index < 1200; index += 1) write(root, { [`f${index}`]: '' });
  const controller = new AbortController();
  const running = frozen(root, [''], { signal: controller.signal });
  controller.abort(new Error('stopped by Ctrl-C'));
  await expect(running).rejects.toThrow('stopped by Ctrl-C');
});

test('observations recorded on the frozen tree hold on the live one until something changes, and fail by what changed', async () => {
  const root = scratch();
  write(root, { 'src/a.ts': 'a', 'src/b.ts': 'b', run: 'sh', l: { link: 'src' } });
  const spec = {
    ordinal: 0,
    tree: 'repository',
    sources: [{ path: at(''), glob: false }],
    destination: '/app' as GuestPath,
    placement: 'into' as const,
    ancestors: [],
  };
  const look = (view: ReturnType<typeof openView>) =>
    Object.fromEntries(
      (
        [
          ['/app/src/a.ts', 'content'],
          ['/app/src', 'listing'],
          ['/app/run', 'entry'],
          ['/app/run', 'attributes'],
          ['/app/l', 'link'],
          ['/app/.env', 'absent'],
        ] as const
      ).map(([path, kind]) => [`${kind} ${path}`, fingerprint(view, path as GuestPath, kind)]),
    );
  const before = look(openView(spec, (await frozen(root)).tree));
  const changed = () => {
    const after = look(openView(spec, liveTree(root)));
    return Object.keys(before).filter((key) => before[key] !== after[key]);
  };
  expect(changed()).toEqual([]);
  age(root, 'src/a.ts');
  writeFileSync(`${root}/src/b.ts`, 'not looked at');
  expect(changed()).toEqual([]);
  write(root, { '.env': 'X=1' });
  expect(changed()).toEqual(['absent /app/.env']);
  writeFileSync(`${root}/src/a.ts`, 'b');
  rmSync(`${root}/src/b.ts`);
  writeFileSync(`${root}/run`, 'bash');
  rmSync(`${root}/l`);
  write(root, { l: { link: 'run' } });
  expect(changed()).toEqual([
    'content /app/src/a.ts',
    'listing /app/src',
    'attributes /app/run',
    'link /app/l',
    'absent /app/.env',
  ]);
});
