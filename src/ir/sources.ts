import type { RepoPath } from '../host.ts';

/** What a source, WAIT or FROM word names: a path of the repository, or something above its root. */
export type ResolvedPath = { readonly path: RepoPath } | 'outside';

/**
 * The path that `text` names, normalised from the repository's root. Relative texts are relative to `from`, a leading `/` is the
 * root. Purely by name: links are not looked at, and whether anything is there is not asked.
 */
export function resolveSource(from: RepoPath, text: string): ResolvedPath {
  const names = text.startsWith('/') || from === '' ? [] : from.split('/');
  for (const name of text.split('/')) {
    if (name === '' || name === '.') continue;
    if (name !== '..') names.push(name);
    else if (names.pop() === undefined) return 'outside';
  }
  return { path: names.join('/') as RepoPath };
}

/** The directory that holds a path; the root holds itself. */
export function directoryOf(path: RepoPath): RepoPath {
  const slash = path.lastIndexOf('/');
  return (slash < 0 ? '' : path.slice(0, slash)) as RepoPath;
}

/** A path in a directory. */
export function joinPath(directory: RepoPath, name: string): RepoPath {
  return (directory === '' ? name : `${directory}/${name}`) as RepoPath;
}

/** Whether a path is a directory itself or lies under it. */
export function isWithin(directory: RepoPath, path: RepoPath): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`);
}
