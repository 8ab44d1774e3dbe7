import { hash } from 'node:crypto';
import type { RepoPath } from '../../host.ts';
import { joinPath } from '../../ir/sources.ts';
import { writeManifest, type ManifestDirectory, type ManifestNode, type ManifestRoots } from './manifest.ts';
import { encodeName } from './names.ts';
import type { FrozenTree } from './tree.ts';

/**
 * The manifest of a frozen tree with other times to show, and the table of them: path → [what it is, nanoseconds since 1970 in decimal]. What it is: of a
 * file git's blob hash, and whether it may be executed (who keeps times may look at those of the inode); of a link its target's hash; an empty directory.
 */
export function dateManifest(
  tree: FrozenTree,
  {
    roots,
    shownMtimeNs,
  }: { readonly roots: ManifestRoots; readonly shownMtimeNs: (path: RepoPath, what: string) => bigint },
): { readonly manifest: Uint8Array; readonly table: Readonly<Record<string, readonly [string, string]>> } {
  const table: Record<string, readonly [string, string]> = {};

  const dated = (path: RepoPath, what: string): bigint => {
    const mtimeNs = shownMtimeNs(path, what);
    table[path] = [what, String(mtimeNs)];
    return mtimeNs;
  };
  const file = (path: RepoPath, name: string): ManifestNode | null => {
    const entry = tree.entry(path);
    const digest = tree.digest(path);
    const content = tree.content(path);
    if (entry?.kind !== 'file' || digest === null || content === null) return null;
    const mtimeNs = dated(path, entry.executable ? `${digest} executable` : digest);
    return {
      kind: 'file',
      name,
      executable: entry.executable,
      digest,
      sizeBytes: entry.sizeBytes,
      content: content.kind === 'immutable' ? 'immutable' : content,
      shownMtimeNs: mtimeNs,
    };
  };
  const node = (path: RepoPath, name: string): ManifestNode | null => {
    const entry = tree.entry(path);
    if (entry === null) return null;
    if (entry.kind === 'link') {
      const shown = dated(path, `link ${hash('sha1', encodeName(entry.target))}`);
      return { kind: 'link', name, target: entry.target, shownMtimeNs: shown };
    }
    return entry.kind === 'directory' ? directory(path, name) : file(path, name);
  };
  const directory = (path: RepoPath, name: string): ManifestDirectory => {
    const names = tree.list(path) ?? [];
    if (names.length === 0 && path !== '') table[path] = ['directory', '0'];
    return { kind: 'directory', name, children: names.flatMap((child) => node(joinPath(path, child), child) ?? []) };
  };

  const manifest = writeManifest(directory('' as RepoPath, ''), roots);
  return { manifest, table };
}
