/** What is compared of a file of a machine. Times, inode numbers and a directory's size are not. */
export interface TreeNode {
  readonly kind: 'file' | 'directory' | 'link' | 'device' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** A file's size in bytes; null for others. */
  readonly size: number | null;
  /** A link's target, a device's number; null for others. */
  readonly target: string | null;
  /** Names and values. */
  readonly attributes: readonly (readonly [string, string])[];
  /** The same stamp at the same path is the same content; a file's content is looked at where stamps differ. */
  readonly stamp: string;
}

/** The files of a machine by path. */
export type Tree = ReadonlyMap<string, TreeNode>;

/** Content hashes by path, of the files that were asked for. */
export type Contents = ReadonlyMap<string, string>;

/** A tree, and as much of its content as is needed. */
export interface SeenTree {
  readonly tree: Tree;
  readonly contents: Contents;
}

/** A file that is not as it should be. */
export interface TreeDifference {
  readonly path: string;
  /** `finding`: both new trees agree on something else than the old one. `chance`: the new ones do not agree. */
  readonly kind: 'finding' | 'chance';
  /** What differs, in words. */
  readonly what: string;
}

/** Files whose contents have to be compared: all else about them is equal. In the order of their paths. */
export function openQuestions(trees: readonly Tree[]): readonly string[] {
  const [first, ...others] = trees;
  if (!first) return [];
  const paths = [...new Set(trees.flatMap((tree) => [...tree.keys()]))];
  return paths
    .filter((path) => {
      const nodes = [first, ...others].flatMap((tree) => tree.get(path) ?? []).filter((one) => one.kind === 'file');
      return nodes.some((one) => nodes.some((other) => one.stamp !== other.stamp && one.size === other.size));
    })
    .sort();
}

/** Judges two new trees against the old one. What is inside something that is gone or new is not told again. */
export function judge(old: SeenTree, first: SeenTree, second: SeenTree): readonly TreeDifference[] {
  const paths = [...new Set([old, first, second].flatMap(({ tree }) => [...tree.keys()]))].sort();
  const found: TreeDifference[] = [];
  const told = new Set<string>();
  for (const path of paths) {
    const chance = difference(first, second, path);
    const changed = difference(old, first, path);
    const kind = chance !== null ? 'chance' : changed !== null ? 'finding' : null;
    const what = chance ?? changed;
    if (kind === null || what === null) continue;
    const whole = what === 'is gone' || what === 'is new';
    const above = path.slice(0, path.lastIndexOf('/'));
    if (whole) told.add(`${kind} ${what} ${path}`);
    if (whole && told.has(`${kind} ${what} ${above}`)) continue;
    found.push({ path, kind, what });
  }
  return found;
}

/** What differs at a path, in words; null where nothing does. */
function difference(one: SeenTree, other: SeenTree, path: string): string | null {
  const was = one.tree.get(path);
  const is = other.tree.get(path);
  if (!was) return is ? 'is new' : null;
  if (!is) return 'is gone';
  if (was.kind !== is.kind) return `was a ${was.kind}, is a ${is.kind}`;
  if (was.mode !== is.mode) return `mode was ${octal(was.mode)}, is ${octal(is.mode)}`;
  if (was.uid !== is.uid || was.gid !== is.gid) return `owner was ${was.uid}:${was.gid}, is ${is.uid}:${is.gid}`;
  if (was.target !== is.target) return `pointed to ${was.target}, points to ${is.target}`;
  if (was.size !== is.size) return `content: was ${was.size} bytes, is ${is.size} bytes`;
  if (JSON.stringify(was.attributes) !== JSON.stringify(is.attributes)) return 'extended attributes differ';
  if (was.kind !== 'file' || was.stamp === is.stamp) return null;
  return one.contents.get(path) === other.contents.get(path) ? null : 'content differs';
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
