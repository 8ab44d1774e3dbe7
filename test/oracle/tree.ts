import { Random } from './random.ts';

/** What lies at a path of a trial's sources. */
export type Node =
  | { readonly kind: 'file'; readonly text: string; readonly executable: boolean }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'directory' }
  /** No machine sees these. */
  | { readonly kind: 'pipe' | 'socket' };

/** Sources by path; names are latin1 texts, one character a byte. Directories that hold something are not named. */
export type Tree = ReadonlyMap<string, Node>;

/** Few names and few contents, so that reverts, collisions, and edits of equal size are common. */
export const sourcePaths = [
  ...[
    'a',
    'b',
    'c.txt',
    'd.txt',
    'run.sh',
    'dir/a',
    'dir/b',
    'dir/sub/x',
    'other/a',
    'link',
    'way',
    '.hidden',
    'ignored',
  ],
  ...['unread/1', 'unread/2', 'unread/3', 'e', 'f', 'g', 'new\nline', 'raw\xff', 'sp ace', 'deep/er/still/z'],
  ...['A', 'Dir/a', '.gitignore', 'dir/.gitignore', 'dir/sub/.gitignore', 'deep/er/.gitignore'],
] as const;
const texts = ['1\n', '2\n', '3\n', '12\n', '21\n', '', 'echo 1\n', 'echo 2\n'] as const;
const targets = [
  ...['a', 'b', 'dir', 'other', 'dir/sub', 'nowhere', 'way', 'link', '../q', '/etc/hostname', '.', '..', 'a/b', '/w'],
  'long'.repeat(80),
] as const;
const ignoring = ['*\n', 'a\n', 'b\nsub/\n', '*.txt\n!c.txt\n', '.gitignore\n', '\\\n[\n'] as const;

export function randomText(random: Random): string {
  return random.pick(texts);
}

function randomNode(random: Random, path: string): Node {
  if (path === 'link' || path === 'way' || random.chance(0.06))
    return { kind: 'link', target: random.pick(path === 'way' ? ['dir', 'other', 'dir/sub'] : targets) };
  if (path.endsWith('.gitignore')) return { kind: 'file', text: random.pick(ignoring), executable: false };
  return { kind: 'file', text: randomText(random), executable: path === 'run.sh' || random.chance(0.15) };
}

export function randomTree(random: Random): Tree {
  let tree: Tree = new Map();
  for (const path of sourcePaths) if (random.chance(0.75)) tree = put(tree, path, randomNode(random, path));
  for (const path of ['a', 'c.txt', 'dir/a']) {
    if (tree.get(path) === undefined) tree = put(tree, path, randomNode(random, path));
  }
  return tree;
}

/** The tree with a node in the place of whatever was at the path, below it, or in its way. */
export function put(tree: Tree, path: string, node: Node): Tree {
  const kept = [...tree].filter(([one]) => one !== path && !one.startsWith(`${path}/`) && !path.startsWith(`${one}/`));
  return new Map([...kept, [path, node]]);
}

export function remove(tree: Tree, path: string): Tree {
  return new Map([...tree].filter(([one]) => one !== path && !one.startsWith(`${path}/`)));
}

/** An edit as people and tools make them; what a COPY names is still there afterwards, as whatever. */
export function editTree(random: Random, tree: Tree, earlier: readonly Tree[]): Tree {
  let edited = edit(random, tree, earlier);
  for (const path of ['a', 'c.txt', 'dir']) {
    const there = [...edited].some(([one, { kind }]) => {
      const seen = kind !== 'pipe' && kind !== 'socket';
      return one === path ? seen : one.startsWith(`${path}/`);
    });
    if (!there) edited = put(edited, path, { kind: 'file', text: randomText(random), executable: false });
  }
  return edited;
}

function edit(random: Random, tree: Tree, earlier: readonly Tree[]): Tree {
  const path = random.pick(sourcePaths);
  const node = tree.get(path);
  switch (
    random.weigh([
      [6, 'content'],
      [2, 'remove'],
      [2, 'add'],
      [1.5, 'mode'],
      [2.5, 'kind'],
      [1.5, 'link'],
      [1, 'move'],
      [0.7, 'case'],
      [1, 'again'],
      [1.5, 'revert'],
    ] as const)
  ) {
    case 'content': {
      const files = [...tree].filter(([, one]) => one.kind === 'file');
      if (files.length === 0) return tree;
      const [at, old] = random.pick(files);
      return put(tree, at, {
        kind: 'file',
        text: randomText(random),
        executable: old.kind === 'file' && old.executable,
      });
    }
    case 'remove':
      return remove(tree, random.chance(0.3) ? (path.split('/')[0] ?? path) : path);
    case 'add':
      return put(tree, random.chance(0.3) ? `${path.replace(/\/.*/, '')}/added` : path, randomNode(random, path));
    case 'mode':
      return node?.kind === 'file' ? put(tree, path, { ...node, executable: !node.executable }) : tree;
    case 'kind': {
      const special = [...tree].flatMap(([one, { kind }]) => (kind === 'pipe' || kind === 'socket' ? [one] : []));
      if (special.length > 0 && random.chance(0.5)) {
        const back = random.pick(['directory', 'link', 'x'] as const);
        return put(tree, random.pick(special), back === 'directory' ? { kind: back } : randomNode(random, back));
      }
      // Git waits for whoever writes into a pipe of that name.
      const names = path.split('/');
      const at = names.slice(0, 1 + random.below(names.length)).join('/');
      return random.weigh<() => Tree>([
        [3, () => put(tree, at, { kind: 'directory' })],
        [2, () => put(tree, `${at}/a`, { kind: 'file', text: randomText(random), executable: false })],
        [1, () => put(tree, `${at}/.gitignore`, randomNode(random, '.gitignore'))],
        [4, () => put(tree, at, randomNode(random, random.pick(['link', 'x'])))],
        [1.5, () => put(tree, at, { kind: at.endsWith('.gitignore') ? 'socket' : random.pick(['pipe', 'socket']) })],
      ])();
    }
    case 'link':
      return put(tree, random.pick(['link', 'way']), { kind: 'link', target: random.pick(targets) });
    case 'move': {
      if (node === undefined) return tree;
      return put(remove(tree, path), random.pick(sourcePaths), node);
    }
    case 'case': {
      const [from, to] = random.pick([
        ['a', 'A'],
        ['A', 'a'],
        ['dir/a', 'Dir/a'],
        ['Dir/a', 'dir/a'],
      ] as const);
      const old = tree.get(from);
      return old === undefined ? tree : put(remove(tree, from), to, old);
    }
    case 'again': {
      // What was deleted earlier comes back as it was.
      const gone = earlier.flatMap((one) => [...one]).filter(([one]) => !tree.has(one));
      if (gone.length === 0) return tree;
      const [at, old] = random.pick(gone);
      return put(tree, at, old);
    }
    case 'revert':
      return earlier.length === 0 ? tree : random.pick(earlier);
  }
}
