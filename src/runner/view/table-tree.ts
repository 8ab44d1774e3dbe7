import type { RepoPath } from '../../host.ts';
import { compareNames } from './names.ts';
import type { RepoTree } from './tree.ts';

/** What a tree held, by path (see `dateManifest`); the second is not looked at. */
export type TreeTable = Readonly<Record<string, readonly [what: string, mtimeNs: string]>>;

/** The tree that a table was made of, as far as names and kinds go; sizes, modes and targets are not known. */
export function tableTree(table: TreeTable): RepoTree {
  const children = new Map<string, Set<string>>([['', new Set()]]);
  for (const [path, [what]] of Object.entries(table)) {
    const names = path.split('/');
    names.forEach((name, index) => {
      const parent = names.slice(0, index).join('/');
      const here = names.slice(0, index + 1).join('/');
      children.set(parent, (children.get(parent) ?? new Set()).add(name));
      const directory = index < names.length - 1 || what === 'directory';
      if (directory && !children.has(here)) children.set(here, new Set());
    });
  }
  const kind = (path: RepoPath): 'file' | 'directory' | 'link' | null => {
    if (children.has(path)) return 'directory';
    const known = Object.hasOwn(table, path) ? table[path] : undefined;
    return known === undefined ? null : known[0].startsWith('link') ? 'link' : 'file';
  };
  return {
    kind,
    entry(path) {
      switch (kind(path)) {
        case 'directory':
          return { kind: 'directory' };
        case 'file':
          return { kind: 'file', executable: false, sizeBytes: 0 };
        case 'link':
          return { kind: 'link', target: '' };
        case null:
          return null;
      }
    },
    list: (path) => {
      const names = children.get(path);
      return names === undefined ? null : [...names].sort(compareNames);
    },
    digest: (path) => (kind(path) === 'file' ? (table[path]?.[0].split(' ')[0] ?? null) : null),
  };
}
