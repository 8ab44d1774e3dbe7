import type { RepoPath } from '../../host.ts';
import { joinPath } from '../../ir/sources.ts';
import { writeManifest, type ManifestDirectory, type ManifestNode, type ManifestRoots } from './manifest.ts';
import type { FrozenTree } from './tree.ts';

/** The manifest of a frozen tree with other times to show, and the table of them: path → [git blob hash, nanoseconds since 1970 in decimal], or `link` or
 * `directory` (an empty one) in the place of the hash. */
export function dateManifest(
  tree: FrozenTree,
  {
    roots,
    shownMtimeNs,
  }: { readonly roots: ManifestRoots; readonly shownMtimeNs: (path: RepoPath, digest: string) => bigint },
): { readonly manifest: Uint8Array; readonly table: Readonly<Record<string, readonly [string, string]>> } {
  const table: Record<string, readonly [string, string]> = {};

  const file = (path: RepoPath, name: string): ManifestNode | null => {
    const entry = tree.entry(path);
    const digest = tree.digest(path);
    const content = tree.content(path);
    if (entry?.kind !== 'file' || digest === null || content === null) return null;
    const mtimeNs = shownMtimeNs(path, digest);
    table[path] = [digest, String(mtimeNs)];
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
      table[path] = ['link', '0'];
      return { kind: 'link', name, target: entry.target };
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
