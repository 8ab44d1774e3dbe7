import { statSync, type Stats } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import type { RepoPath, RepoReader } from '../host.ts';
import type { Host } from '../node-host.ts';

/** The repository that a command is about, and the paths in it that were typed; null for all of it. */
export interface Selection {
  readonly repository: RepoReader;
  readonly only: readonly RepoPath[] | null;
  /** How a person in the current directory would type a path of the repository. */
  readonly showPath: (path: string) => string;
}

/**
 * What paths typed on the command line (relative to the current directory) select. The repository is the one the paths are
 * in; without paths, the one around the current directory. `problem` is a sentence for a person.
 */
export function select(typed: readonly string[], host: Host): Selection | { readonly problem: string } {
  const here = host.repository(host.directory);
  const paths = typed.map((path) => resolve(host.directory, path));
  const [first] = paths;
  const repository = first === undefined ? here : repositoryOf(first, here, host);
  const only: RepoPath[] = [];
  for (const [index, path] of paths.entries()) {
    if (isOtherFile(path))
      return { problem: `${typed[index]} is no Layerfile: name one, or a directory that holds some` };
    const inside = within(repository.root, path);
    if (inside === null) return { problem: `${typed[index]} is not in the repository ${repository.root}` };
    only.push(inside);
  }
  const showPath = (path: string) => relative(host.directory, resolve(repository.root, path)) || '.';
  return { repository, only: only.length === 0 || only.includes('' as RepoPath) ? null : only, showPath };
}

/** A git repository around the path comes first; else the current directory's, where the path is in it. */
function repositoryOf(path: string, here: RepoReader, host: Host): RepoReader {
  const there = host.repository(nearestDirectory(path));
  return there.git || within(here.root, path) === null ? there : here;
}

/** A file that neither is a Layerfile nor, as `layer check` takes them, an Earthfile. */
function isOtherFile(path: string): boolean {
  return !/(^|\/)(Layerfile|Earthfile|[^/]*\.earth)$/.test(path) && statOf(path)?.isFile() === true;
}

function nearestDirectory(path: string): string {
  return statOf(path)?.isDirectory() === true ? path : nearestDirectory(dirname(path));
}

/** Null where nothing is, or only something that nobody gets to: below a file, at the end of a loop of links, under too long a name. */
function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}

function within(root: string, path: string): RepoPath | null {
  const inside = relative(root, path);
  return inside === '..' || inside.startsWith('../') ? null : (inside as RepoPath);
}
