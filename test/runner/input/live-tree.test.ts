import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { memoryStatCache } from '../../../src/runner/input/stat-cache.ts';
import { blobHash, memoryTree } from '../view/memory-tree.ts';
import type { MemoryNode } from '../view/memory-tree.ts';
import { dump, frozen, liveTree, scratch, write } from './workspace.ts';

const at = (path: string) => path as RepoPath;

test('files, links and directories are as they lie there', () => {
  const root = scratch();
  const files = {
    'a/b.txt': 'hello',
    'run.sh': { executable: '#!/bin/sh' },
    current: { link: 'a' },
    empty: null,
    none: '',
  };
  write(root, files);
  expect(dump(liveTree(root))).toEqual(dump(memoryTree(files)));
});

test('names of any bytes come through, in byte order', () => {
  const root = scratch();
  const files = {
    '\udcff/\udc80x': 'a',
    'new\nline': 'b',
    '\uff5e': 'c',
    '\ud83d\ude00': 'd',
    '\ufffd': 'e',
    l: { link: '\udcfe' },
  };
  write(root, files);
  expect(dump(liveTree(root))).toEqual(dump(memoryTree(files)));
});

test('nothing is reached through a link', () => {
  const root = scratch();
  const outside = scratch();
  write(outside, { 'secret.txt': 'host' });
  write(root, { 'real/file': 'x', inside: { link: 'real' }, out: { link: outside } });
  const tree = liveTree(root);
  for (const path of ['inside/file', 'out/secret.txt', 'out/../real/file']) {
    expect([tree.entry(at(path)), tree.kind(at(path)), tree.digest(at(path))], path).toEqual([null, null, null]);
  }
  expect([tree.list(at('inside')), tree.list(at('out')), tree.digest(at('out'))]).toEqual([null, null, null]);
});

test('sockets and FIFOs are nothing, and nobody waits for them', async () => {
  const root = scratch();
  execFileSync('mkfifo', [`${root}/fifo`]);
  const server = createServer().listen(`${root}/socket`);
  await new Promise((resolve) => server.once('listening', resolve));
  write(root, { file: '' });
  expect(dump(liveTree(root))).toEqual(['/', `file - 0 ${blobHash('')}`]);
  expect(liveTree(root).entry(at('fifo'))).toBeNull();
  expect(dump((await frozen(root)).tree)).toEqual(['/', `file - 0 ${blobHash('')}`]);
  server.close();
});

test('.layer, hidden paths and what .layerignore names are not there', async () => {
  const root = scratch();
  write(root, {
    '.layer/secrets': 'X=1',
    'store/db': '',
    '.layerignore': '\ufeff*.log\n!keep.log\nbuild/\n/Only\n',
    'a.log': '',
    'keep.log': '',
    'build/x': '',
    'sub/build': { link: 'x' },
    'sub/.layer/config.json': '{}',
    Only: '',
    only: '',
    'sub/Only': '',
  });
  const expected = ['.layerignore', 'keep.log', 'only', 'sub'];
  const tree = liveTree(root, { hidden: ['store'] });
  expect(tree.list(at(''))).toEqual(expected);
  expect(tree.list(at('sub'))).toEqual(['.layer', 'Only', 'build']);
  for (const path of ['.layer', '.layer/secrets', 'store/db', 'a.log', 'build', 'build/x', 'Only']) {
    expect([tree.entry(at(path)), tree.digest(at(path)), tree.list(at(path))], path).toEqual([null, null, null]);
  }
  expect(dump((await frozen(root, [''], { hidden: ['store'] })).tree)).toEqual(dump(tree));
});

test('a known hash is taken only from a stat that is the same to the nanosecond', () => {
  const root = scratch();
  const stats = memoryStatCache();
  write(root, { f: 'one!' });
  // Whole seconds, since Node sets times no finer than it can hold in a number.
  utimesSync(`${root}/f`, 1e9, 1e9);
  const before = lstatSync(`${root}/f`, { bigint: true });
  expect(liveTree(root, { stats }).digest(at('f'))).toBe(blobHash('one!'));
  writeFileSync(`${root}/f`, 'two!');
  utimesSync(`${root}/f`, 1e9, 1e9);
  const after = lstatSync(`${root}/f`, { bigint: true });
  expect([after.mtimeNs, after.size, after.ino]).toEqual([before.mtimeNs, before.size, before.ino]);
  expect(liveTree(root, { stats }).digest(at('f'))).toBe(blobHash('two!'));
  write(root, { g: 'six!' });
  utimesSync(`${root}/g`, 1e9, 1e9);
  renameSync(`${root}/g`, `${root}/f`);
  expect(liveTree(root, { stats }).digest(at('f'))).toBe(blobHash('six!'));
});

test('a change of kind or mode is seen by a new look', () => {
  const root = scratch();
  write(root, { f: 'x', d: null });
  const before = liveTree(root);
  expect([before.kind(at('f')), before.kind(at('d'))]).toEqual(['file', 'directory']);
  chmodSync(`${root}/f`, 0o711);
  renameSync(`${root}/d`, `${root}/e`);
  symlinkSync('e', `${root}/d`);
  const tree = liveTree(root);
  expect(tree.entry(at('f'))).toEqual({ kind: 'file', executable: true, sizeBytes: 1 });
  expect(tree.entry(at('d'))).toEqual({ kind: 'link', target: 'e' });
});

test('paths that cannot be are absent: below a file, too long, in a loop of links', () => {
  const root = scratch();
  write(root, { f: '', loop: { link: 'loop' } });
  const tree = liveTree(root);
  for (const path of ['f/x', 'f/x/y', `${'n'.repeat(300)}`, 'loop/x', 'no/where'])
    expect(tree.entry(at(path))).toBeNull();
});

test('a frozen tree equals the live one', async () => {
  const parent = scratch();
  const blobs = scratch();
  let count = 0;
  const name = fc.constantFrom('a', 'b', '.git', '.layer', '\udcff', 'x\ny', 'é', '__proto__');
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  const node: fc.Arbitrary<MemoryNode> = fc.oneof(
    fc.string({ maxLength: 9 }),
    fc.constant(null),
    fc.constantFrom({ link: 'a' }, { link: '/etc' }, { executable: '#!' }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(path, node), { maxLength: 12 }), async (pairs) => {
      const root = `${parent}/${(count += 1)}`;
      mkdirSync(root);
      const files: Record<string, MemoryNode> = {};
      for (const [where, what] of pairs.sort(([a], [b]) => a.length - b.length)) {
        if (
          !Object.entries(files).some(
            ([other, it]) => it !== null && (where === other || where.startsWith(`${other}/`)),
          )
        ) {
          Object.defineProperty(files, where, { value: what, enumerable: true, configurable: true });
        }
      }
      write(root, files);
      const withoutGit = dump(liveTree(root)).filter((line) => !/(^|\/)\.git[ /]/.test(line));
      expect(dump((await frozen(root, [''], { blobs })).tree)).toEqual(withoutGit);
    }),
    { numRuns: 200 },
  );
});
