import ignore, { type Ignore } from 'ignore';
import type { Processes, RepoPath, RepoReader } from '../host.ts';

const fileName = 'Layerfile';
/** Directories whose Layerfiles are not the repository's own. */
const foreign = new Set(['.git', 'node_modules', '.layer']);

/**
 * What git knows by the name of Layerfile, tracked or not, ignored files apart; null where git cannot say.
 * Files of submodules and of repositories inside the repository are theirs.
 */
export async function gitLayerfiles(root: string, processes: Processes): Promise<readonly RepoPath[] | null> {
  const listed = await processes.run([
    ...(['git', '--no-optional-locks', '-c', 'core.fsmonitor=false', '-C', root] as const),
    ...['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    ...['--', `:(top,glob)**/${fileName}`, `:(top,glob)**/${fileName}/**`],
  ]);
  if (listed.code !== 0) return null;
  const paths = new Set<string>();
  for (const path of listed.stdout.split('\0')) {
    const segments = path.split('/');
    // Files in a directory of that name stand for the directory.
    const found = segments.indexOf(fileName);
    const within = segments.slice(0, found + 1);
    if (found >= 0 && !within.some((segment) => foreign.has(segment))) paths.add(within.join('/'));
  }
  return [...paths].sort() as RepoPath[];
}

interface IgnoreFile {
  /** The directory it speaks about. */
  readonly directory: RepoPath;
  readonly rules: Ignore;
}

/** The same without git: a walk that heeds .gitignore and .git/info/exclude. */
export function walkedLayerfiles(reader: RepoReader): readonly RepoPath[] {
  const found: RepoPath[] = [];
  const walk = (directory: RepoPath, above: readonly IgnoreFile[]) => {
    const entries = reader.list(directory) ?? [];
    if (directory !== '' && entries.some((one) => one.name === '.git')) return;
    const rules = entries.some((one) => one.name === '.gitignore') ? rulesAt(reader, directory, '.gitignore') : null;
    const ignores = rules ? [rules, ...above] : above;
    for (const { name, kind } of entries) {
      const path = (directory === '' ? name : `${directory}/${name}`) as RepoPath;
      if (foreign.has(name) || isIgnored(path, kind === 'directory', ignores)) continue;
      if (name === fileName) found.push(path);
      else if (kind === 'directory') walk(path, ignores);
    }
  };
  const exclude = rulesAt(reader, '' as RepoPath, '.git/info/exclude');
  walk('' as RepoPath, exclude ? [exclude] : []);
  return found.sort();
}

function rulesAt(reader: RepoReader, directory: RepoPath, file: string): IgnoreFile | null {
  const read = reader.read((directory === '' ? file : `${directory}/${file}`) as RepoPath);
  return 'failure' in read ? null : { directory, rules: ignore().add(Buffer.from(read.bytes).toString('utf8')) };
}

/** The innermost file that has a rule for a path decides. */
function isIgnored(path: RepoPath, isDirectory: boolean, ignores: readonly IgnoreFile[]): boolean {
  for (const { directory, rules } of ignores) {
    const relative = directory === '' ? path : path.slice(directory.length + 1);
    const { ignored, unignored } = rules.test(isDirectory ? `${relative}/` : relative);
    if (ignored || unignored) return ignored;
  }
  return false;
}
