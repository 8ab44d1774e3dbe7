import { createHash } from 'node:crypto';
import type { RepoPath } from '../../../src/host.ts';
import { compareNames, encodeName } from '../../../src/runner/view/names.ts';
import type { RepoTree, TreeEntry } from '../../../src/runner/view/tree.ts';

/** What a test puts at a path: a file's text, or a link, or an executable. Directories come from the paths; `null` is an empty one. */
export type MemoryNode = string | null | { readonly link: string } | { readonly executable: string };
export type MemoryFiles = Readonly<Record<string, MemoryNode>>;

export function blobHash(content: string | Uint8Array): string {
  const bytes = typeof content === 'string' ? encodeName(content) : content;
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
}

/** A tree held in memory. `asked` counts the questions. */
export function memoryTree(files: MemoryFiles): RepoTree & { readonly asked: { count: number } } {
  const nodes = new Map<string, MemoryNode>([['', null]]);
  const names = new Map<string, Set<string>>([['', new Set()]]);
  for (const [path, node] of Object.entries(files)) {
    const parts = path.split('/');
    parts.forEach((name, index) => {
      const at = parts.slice(0, index + 1).join('/');
      if (index < parts.length - 1) nodes.set(at, null);
      else nodes.set(at, node);
      const parent = parts.slice(0, index).join('/');
      names.set(parent, (names.get(parent) ?? new Set()).add(name));
    });
  }
  const asked = { count: 0 };
  const text = (node: MemoryNode | undefined): string | null => {
    if (typeof node === 'string') return node;
    return typeof node === 'object' && node !== null && 'executable' in node ? node.executable : null;
  };
  const entry = (path: RepoPath): TreeEntry | null => {
    asked.count += 1;
    const node = nodes.get(path);
    if (node === undefined) return null;
    if (node === null) return { kind: 'directory' };
    if (typeof node === 'object' && 'link' in node) return { kind: 'link', target: node.link };
    return { kind: 'file', executable: typeof node === 'object', sizeBytes: encodeName(text(node) ?? '').length };
  };
  return {
    asked,
    entry,
    kind: (path) => entry(path)?.kind ?? null,
    list(path) {
      asked.count += 1;
      return nodes.get(path) === null ? [...(names.get(path) ?? [])].sort(compareNames) : null;
    },
    digest(path) {
      const content = text(nodes.get(path));
      return content === null ? null : blobHash(content);
    },
  };
}
