import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { blobPath, loadManifest, writeManifest } from '../../../src/runner/view/manifest.ts';
import type { ManifestDirectory, ManifestNode } from '../../../src/runner/view/manifest.ts';
import { compareNames } from '../../../src/runner/view/names.ts';
import { blobHash } from './memory-tree.ts';

const roots = { working: '/work/tree \udcfe', blobs: '/store/blobs' };

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'é', '\udc80', '\ud83d\ude00', '\uff5e', 'new\nline', '__proto__'),
  fc
    .string({ minLength: 1, maxLength: 5 })
    .filter((text) => !text.includes('/') && !text.includes('\0') && text.isWellFormed()),
);
const stamp = fc.bigInt({ min: 0n, max: 2n ** 62n });
const file = fc.record({
  kind: fc.constant('file' as const),
  name,
  executable: fc.boolean(),
  digest: fc.string().map((text) => blobHash(text)),
  sizeBytes: fc.nat({ max: 2 ** 48 }),
  content: fc.oneof(
    fc.constant('immutable' as const),
    fc.record({ mtimeNs: stamp, ctimeNs: stamp, inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  ),
  shownMtimeNs: fc.option(fc.bigInt({ min: 1n, max: 2n ** 62n })),
});
const link = fc.record({
  kind: fc.constant('link' as const),
  name,
  target: fc.oneof(name, fc.constant('../\udcff')),
  shownMtimeNs: fc.option(fc.bigInt({ min: 1n, max: 2n ** 62n })),
});
const { directory } = fc.letrec<{ directory: ManifestDirectory; node: ManifestNode }>((tie) => ({
  node: fc.oneof({ maxDepth: 4 }, file, link, tie('directory')),
  directory: fc.record({
    kind: fc.constant('directory' as const),
    name,
    children: fc.uniqueArray(tie('node'), { selector: (node) => node.name, maxLength: 5 }),
  }),
}));

test('a tree comes back as it was written', () => {
  fc.assert(
    fc.property(directory, fc.nat({ max: 9 }), (root, offset) => {
      const written = writeManifest(root, roots);
      const somewhere = new Uint8Array(written.length + offset);
      somewhere.set(written, offset);
      const tree = loadManifest(somewhere.subarray(offset));
      const visit = (node: ManifestNode, path: RepoPath): void => {
        expect(tree.kind(path)).toBe(node.kind);
        if (node.kind === 'directory') {
          expect(tree.entry(path)).toEqual({ kind: 'directory' });
          expect(tree.list(path)).toEqual(node.children.map((child) => child.name).sort(compareNames));
          expect(tree.digest(path)).toBeNull();
          for (const child of node.children)
            visit(child, (path === '' ? child.name : `${path}/${child.name}`) as RepoPath);
          expect(tree.entry(`${path === '' ? '' : `${path}/`}nothing here` as RepoPath)).toBeNull();
          return;
        }
        expect(tree.list(path)).toBeNull();
        expect(tree.entry(`${path}/below` as RepoPath)).toBeNull();
        if (node.kind === 'link') {
          expect(tree.entry(path)).toEqual({ kind: 'link', target: node.target });
          expect(tree.mtimeNs(path)).toBe(node.shownMtimeNs);
          expect(tree.content(path)).toBeNull();
          return;
        }
        expect(tree.entry(path)).toEqual({ kind: 'file', executable: node.executable, sizeBytes: node.sizeBytes });
        expect(tree.digest(path)).toBe(node.digest);
        expect(tree.mtimeNs(path)).toBe(node.shownMtimeNs);
        expect(tree.content(path)).toEqual(
          node.content === 'immutable'
            ? {
                kind: 'immutable',
                path: blobPath(roots.blobs, node.digest),
                sizeBytes: node.sizeBytes,
                mtimeNs: 0n,
                ctimeNs: 0n,
                inode: 0n,
              }
            : { kind: 'working', path: `${roots.working}/${path}`, sizeBytes: node.sizeBytes, ...node.content },
        );
      };
      visit(root, '' as RepoPath);
    }),
    { numRuns: 500 },
  );
});

describe('100,000 files', () => {
  const children = (count: number, from: number): ManifestNode[] =>
    Array.from({ length: count }, (_, index) => ({
      kind: 'file',
      name: `some-module-${from + index}.test.ts`,
      executable: false,
      digest: blobHash(String(from + index)),
      sizeBytes: index,
      content: { mtimeNs: 1n, ctimeNs: 2n, inode: 3n },
      shownMtimeNs: null,
    }));
  const nested: ManifestDirectory = {
    kind: 'directory',
    name: '',
    children: Array.from({ length: 100 }, (_, index) => ({
      kind: 'directory',
      name: `package-${index}`,
      children: children(1000, index * 1000),
    })),
  };
  const flat: ManifestDirectory = { kind: 'directory', name: '', children: children(100_000, 0) };

  test.each([
    ['in a hundred directories', nested, 'package-42/some-module-42007.test.ts'],
    ['in one directory', flat, 'some-module-42007.test.ts'],
  ])('%s load in less than 300 ms of processor time, the first look included', (_, root, path) => {
    const bytes = writeManifest(root, roots);
    const times = [1, 2, 3].map(() => {
      const start = process.threadCpuUsage();
      expect(loadManifest(bytes).digest(path as RepoPath)).toBe(blobHash('42007'));
      const { user, system } = process.threadCpuUsage(start);
      return (user + system) / 1000;
    });
    expect(Math.min(...times)).toBeLessThan(300);
  });
});

test('what is no manifest, or half of one, is refused', () => {
  const bytes = writeManifest({ kind: 'directory', name: '', children: [] }, roots);
  expect(() => loadManifest(bytes.subarray(0, bytes.length - 1))).toThrow('cut short');
  expect(() => loadManifest(new Uint8Array(10))).toThrow('Not a manifest');
  expect(loadManifest(bytes).list('' as RepoPath)).toEqual([]);
});
