import { hash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The names in a working tree's directories, as far as they can tell which Layerfiles there are. JSON. */
export interface DirectoryMarks {
  /** Each directory, from the root (empty) on. */
  readonly directories: readonly Mark[];
  /** Each `.gitignore` in them. */
  readonly ignoreFiles: readonly Mark[];
}

/** A path in the working tree with its mtime and ctime (milliseconds), inode, device and size; of a directory also a hash of its names and their kinds. */
type Mark = readonly [path: string, numbers: readonly number[], names: string];

/** In these nobody looks for Layerfiles. */
const foreign = new Set(['.git', 'node_modules', '.layer']);
const mostDirectories = 30_000;

/**
 * Marks all directories in which a Layerfile can be; null where one of them, or a `.gitignore`, was touched after `settledMs` (milliseconds since 1970): then
 * nobody can say whether what was found out from then on was found out before or after that; or where there are too many.
 */
export function markDirectories(root: string, settledMs: number): DirectoryMarks | null {
  const directories: Mark[] = [];
  const ignoreFiles: Mark[] = [];
  const isSettled = ([mtimeMs = 0, ctimeMs = 0]: readonly number[]): boolean => Math.max(mtimeMs, ctimeMs) <= settledMs;
  const todo = [''];
  try {
    for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
      const { names, inside, ignores } = listed(join(root, path));
      // After the names: whoever changed them since `settledMs` has left a later time.
      const numbers = numbersOf(join(root, path));
      if (numbers === null || !isSettled(numbers) || directories.length >= mostDirectories) return null;
      directories.push([path, numbers, names]);
      todo.push(...inside.map((name) => (path === '' ? name : `${path}/${name}`)));
      if (!ignores) continue;
      const file = path === '' ? '.gitignore' : `${path}/.gitignore`;
      const own = numbersOf(join(root, file));
      if (own === null || !isSettled(own)) return null;
      ignoreFiles.push([file, own, '']);
    }
  } catch {
    // It is gone, or cannot be read.
    return null;
  }
  return { directories, ignoreFiles };
}

/** Whether the same names are in the same directories, and each `.gitignore` has not been touched. */
export function isAsMarked(root: string, { directories, ignoreFiles }: DirectoryMarks): boolean {
  const untouched = ([path, numbers]: Mark): boolean =>
    numbersOf(join(root, path))?.every((one, at) => one === numbers[at]) === true;
  const sameNames = ([path, , names]: Mark): boolean => {
    try {
      return lstatSync(join(root, path)).isDirectory() && listed(join(root, path)).names === names;
    } catch {
      return false;
    }
  };
  return ignoreFiles.every(untouched) && directories.every((one) => untouched(one) || sameNames(one));
}

/** Null where nothing is, or the system refuses to say: what was a directory above may be a file now. */
function numbersOf(path: string): readonly number[] | null {
  try {
    const stats = lstatSync(path);
    return [stats.mtimeMs, stats.ctimeMs, stats.ino, stats.dev, stats.size, stats.mode];
  } catch {
    return null;
  }
}

function listed(directory: string): {
  readonly names: string;
  readonly inside: readonly string[];
  readonly ignores: boolean;
} {
  const entries = readdirSync(directory, { withFileTypes: true });
  const kinds = entries.map((entry) => {
    const kind = entry.isDirectory() ? 'd' : entry.isFile() ? 'f' : entry.isSymbolicLink() ? 'l' : 'o';
    return kind + entry.name;
  });
  return {
    names: hash('sha1', kinds.sort().join('/'), 'base64'),
    inside: entries.flatMap((entry) => (entry.isDirectory() && !foreign.has(entry.name) ? [entry.name] : [])),
    ignores: entries.some((entry) => entry.name === '.gitignore'),
  };
}
