import { describe, expect, it } from 'vitest';
import type { ArchiveEntry } from '../../../../src/runner/bases/archive/entry.ts';
import { RootTree, type TreeNode } from '../../../../src/runner/bases/archive/root-tree.ts';

const entry = (path: string, more: Partial<ArchiveEntry> = {}): ArchiveEntry => ({
  path,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeMs: 0,
  sizeBytes: 1,
  target: null,
  xattrs: {},
  ...more,
});
const directory = (path: string): ArchiveEntry => entry(path, { kind: 'directory', mode: 0o755, sizeBytes: 0 });
const link = (path: string, target: string): ArchiveEntry => entry(path, { kind: 'link', target, sizeBytes: 0 });

/** Adds layers of entries; the first refusal, or null. */
function fill(tree: RootTree, ...layers: readonly (readonly ArchiveEntry[])[]) {
  for (const [layer, entries] of layers.entries()) {
    for (const [member, one] of entries.entries()) {
      const refusal = tree.add(one, { layer, member });
      if (refusal) return refusal;
    }
  }
  return null;
}

/** Every path of the tree with what is there: `d`, `l→target`, or the layer and member of its bytes. */
function show(tree: RootTree): readonly string[] {
  const lines: string[] = [];
  const visit = (path: string, node: TreeNode): void => {
    if (node.kind === 'directory') {
      if (path !== '') lines.push(`${path} d`);
      for (const [name, child] of node.children) visit(path === '' ? name : `${path}/${name}`, child);
    } else if (node.kind === 'link') lines.push(`${path} →${node.target}`);
    else lines.push(`${path} ${node.body.place.layer}:${node.body.place.member}`);
  };
  visit('', tree.root);
  return lines.sort();
}

describe('layers', () => {
  it('lets a higher layer replace, whatever kind stood there', () => {
    const tree = new RootTree();
    expect(fill(tree, [entry('a'), directory('b'), entry('b/x')], [link('./a', 'b'), entry('b')])).toBeNull();
    expect(show(tree)).toEqual(['a →b', 'b 1:1']);
  });

  it('takes a whiteout out of lower layers only', () => {
    const tree = new RootTree();
    fill(
      tree,
      [directory('d'), entry('d/old'), entry('d/kept')],
      [entry('d/new'), entry('d/.wh.old'), entry('d/.wh.new')],
    );
    expect(show(tree)).toEqual(['d d', 'd/kept 0:2', 'd/new 1:0']);
  });

  it('takes a whole directory out, and puts one back', () => {
    const tree = new RootTree();
    fill(tree, [directory('d'), directory('d/e'), entry('d/e/f')], [entry('.wh.d')], [directory('d'), entry('d/g')]);
    expect(show(tree)).toEqual(['d d', 'd/g 2:1']);
  });

  it('keeps what the layer of an opaque mark itself brings, before and after the mark', () => {
    const tree = new RootTree();
    fill(
      tree,
      [directory('d'), entry('d/old'), directory('d/sub'), entry('d/sub/old')],
      [directory('d'), entry('d/first'), entry('d/sub/mine'), entry('d/.wh..wh..opq'), entry('d/last')],
    );
    expect(show(tree)).toEqual(['d d', 'd/first 1:1', 'd/last 1:4', 'd/sub d', 'd/sub/mine 1:2']);
  });

  it('ignores the marks of other union file systems', () => {
    const tree = new RootTree();
    fill(tree, [entry('.wh..wh.aufs'), directory('.wh..wh.plnk'), entry('.wh..wh.plnk/1.2')]);
    expect(show(tree)).toEqual([]);
  });

  it('lets a hard link keep the bytes that its other name loses', () => {
    const tree = new RootTree();
    const hard = entry('b', { kind: 'hardlink', target: './a', sizeBytes: 0 });
    expect(fill(tree, [entry('a'), hard], [entry('a')])).toBeNull();
    expect(show(tree)).toEqual(['a 1:0', 'b 0:0']);
  });
});

describe('refusals', () => {
  const refusedWhy = (...layers: readonly (readonly ArchiveEntry[])[]): string =>
    fill(new RootTree(), ...layers)?.why ?? 'accepted';

  it.each([
    ['an absolute path', [entry('/etc/passwd')], 'an absolute path'],
    ['a way out', [entry('a/../../b')], 'a path with ..'],
    ['a way out by the last part', [directory('..')], 'a path with ..'],
    ['a NUL byte', [entry('a\0b')], 'a name with a NUL byte'],
    ['writing through a link', [link('lib', '/etc'), entry('lib/passwd')], 'it would be written through the link lib'],
    [
      'writing through a link that leads nowhere',
      [link('a', '../..'), directory('a/b')],
      'it would be written through the link a',
    ],
    ['a file below a file', [entry('a'), entry('a/b')], 'a is a file'],
    [
      'a hard link out',
      [entry('a', { kind: 'hardlink', target: '../../etc/shadow' })],
      'a hard link to a path with ..',
    ],
    [
      'a hard link to the host',
      [entry('a', { kind: 'hardlink', target: '/etc/shadow' })],
      'a hard link to an absolute path',
    ],
    [
      'a hard link to nothing',
      [entry('a', { kind: 'hardlink', target: 'b' })],
      'a hard link to b, which is no file of it',
    ],
    [
      'a hard link through a link',
      [link('l', '/etc'), entry('a', { kind: 'hardlink', target: 'l/shadow' })],
      'a hard link to l/shadow, which is no file of it',
    ],
    ['a device', [entry('disk', { kind: 'device' })], 'a device; a base machine needs none outside /dev'],
    ['a link in the place of /proc', [link('proc', '/')], 'no directory'],
    ['a whiteout of the directory above', [directory('a'), entry('a/.wh...')], 'a whiteout of nothing'],
  ])('refuses %s', (_, entries, why) => {
    expect(refusedWhy(entries)).toBe(why);
  });

  it('refuses a link in one layer that the next writes through', () => {
    expect(refusedWhy([link('a', '/')], [entry('a/etc/passwd')])).toBe('it would be written through the link a');
  });

  it('caps entries and bytes', () => {
    const limits = { entries: 2, bytes: 100 };
    expect(fill(new RootTree(limits), [entry('a'), entry('b'), entry('c')])?.why).toBe('more than 2 entries');
    expect(fill(new RootTree(limits), [entry('a', { sizeBytes: 101 })])?.why).toBe('more than 100 bytes unpacked');
  });
});

describe('settling', () => {
  it('empties what is the running machine’s own and leaves nothing of a former one', () => {
    const tree = new RootTree();
    fill(tree, [
      entry('etc/resolv.conf'),
      link('etc/hostname', '/run/x'),
      entry('dev/null', { kind: 'device' }),
      entry('proc/1/x'),
    ]);
    expect(tree.settle()).toBeNull();
    expect(show(tree)).toEqual([
      'dev d',
      'etc d',
      'etc/hostname -1:0',
      'etc/hosts -1:0',
      'etc/machine-id -1:0',
      'etc/resolv.conf -1:0',
      'proc d',
      'root d',
      'run d',
      'sys d',
      'tmp d',
    ]);
  });

  it('refuses a machine whose /etc leads elsewhere', () => {
    const tree = new RootTree();
    fill(tree, [link('etc', '/host/etc')]);
    expect(tree.settle()?.why).toBe('it would be written through the link etc');
  });
});

describe('looking something up', () => {
  it('follows links inside the root, absolute and relative, and not out of it', () => {
    const tree = new RootTree();
    fill(tree, [
      link('bin', 'usr/bin'),
      entry('usr/bin/bash'),
      link('usr/bin/sh', '/bin/bash'),
      link('usr/bin/up', '../../../../usr/bin/bash'),
      link('loop', 'loop'),
    ]);
    expect(
      ['/bin/bash', '/bin/sh', '/usr/bin/up', '/loop', '/bin/zsh', '/bin/bash/x'].map((path) => tree.has(path)),
    ).toEqual([true, true, true, false, false, false]);
  });
});
