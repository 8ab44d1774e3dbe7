import { expect, test } from 'vitest';
import { judge, openQuestions, type SeenTree, type TreeNode } from '../../../src/runner/inspect/trees.ts';

const file = (stamp: string, change: Partial<TreeNode> = {}): TreeNode => ({
  ...{ kind: 'file', mode: 0o644, uid: 0, gid: 0, size: 3, target: null, attributes: [], stamp },
  ...change,
});
const directory = file('d', { kind: 'directory', size: null });
const seen = (nodes: Record<string, TreeNode>, contents: Record<string, string> = {}): SeenTree => ({
  tree: new Map(Object.entries(nodes)),
  contents: new Map(Object.entries(contents)),
});
const told = (old: SeenTree, first: SeenTree, second: SeenTree) =>
  judge(old, first, second).map(({ kind, path, what }) => `${kind}: ${path} ${what}`);

test('finds what both new trees agree on and the old one does not have', () => {
  const old = seen({
    '/a': file('1'),
    '/b': file('1'),
    '/c': file('1'),
    '/l': file('1', { kind: 'link', target: 'x' }),
  });
  const fresh = (stamp: string) =>
    seen({
      '/a': file(stamp, { mode: 0o755 }),
      '/b': file(stamp, { uid: 7 }),
      '/c': file(stamp, { size: 4 }),
      '/l': file(stamp, { kind: 'link', target: 'y' }),
    });
  expect(told(old, fresh('2'), fresh('3'))).toEqual([
    'finding: /a mode was 0644, is 0755',
    'finding: /b owner was 0:0, is 7:0',
    'finding: /c content: was 3 bytes, is 4 bytes',
    'finding: /l pointed to x, points to y',
  ]);
});

test('looks at contents only where stamps differ, and leaves to chance what the new ones do not agree on', () => {
  const trees = ['1', '2', '3'].map((stamp) => ({ '/same': file('0'), '/made': file(stamp), '/random': file(stamp) }));
  const [old, first, second] = trees.map((nodes, index) => seen(nodes, { '/made': 'x', '/random': String(index) }));
  if (!old || !first || !second) throw new Error('three trees');
  expect(openQuestions([old.tree, first.tree, second.tree])).toEqual(['/made', '/random']);
  expect(told(old, first, second)).toEqual(['chance: /random content differs']);
  const wrong = seen(trees[0] ?? {}, { '/made': 'old', '/random': '0' });
  expect(told(wrong, first, second)).toContain('finding: /made content differs');
});

test('tells of what is gone or new once, at its top', () => {
  const more = { '/d': directory, '/d/a': file('1'), '/d/e': directory, '/d/e/b': file('1') };
  expect(told(seen({}), seen(more), seen(more))).toEqual(['finding: /d is new']);
  expect(told(seen(more), seen({}), seen({}))).toEqual(['finding: /d is gone']);
  expect(
    told(seen({ '/d': directory }), seen({ '/d': directory, '/d/x': file('1') }), seen({ '/d': directory })),
  ).toEqual(['chance: /d/x is gone']);
});

test('finds changed kinds and extended attributes', () => {
  const capable = file('1', { attributes: [['security.capability', '00']] });
  expect(told(seen({ '/p': file('1') }), seen({ '/p': capable }), seen({ '/p': capable }))).toEqual([
    'finding: /p extended attributes differ',
  ]);
  expect(told(seen({ '/p': file('1') }), seen({ '/p': directory }), seen({ '/p': directory }))).toEqual([
    'finding: /p was a file, is a directory',
  ]);
});
