import { closeSync, readFileSync } from 'node:fs';
import ignore from 'ignore';
import type { RepoPath } from '../../host.ts';
import type { TreeEntry } from '../view/tree.ts';
import { openFile, pathIn } from './disk.ts';

/** What of a working tree no machine sees, whatever is copied: both kinds of tree ask the same rules. */
export interface TreeRules {
  /** The same rules have the same text. */
  readonly identity: string;
  /** Whether a path is left out; of what lies below a directory that is, nobody asks. */
  hides(path: RepoPath, kind: TreeEntry['kind']): boolean;
}

/** `.layer` at the root, the paths in `hidden` (a store inside the repository), and what the root's `.layerignore` names (gitignore's syntax). */
export function readRules(given: { readonly root: string; readonly hidden: readonly RepoPath[] }): TreeRules {
  const hidden = new Set<string>(['.layer', ...given.hidden]);
  const text = readIgnoreFile(pathIn(given.root, '.layerignore' as RepoPath));
  const ignored = text === null ? null : ignore({ ignoreCase: false }).add(text);
  return {
    identity: JSON.stringify([[...hidden], text]),
    hides(path, kind) {
      if (hidden.has(path)) return true;
      if (ignored === null || path === '') return false;
      return ignored.ignores(kind === 'directory' ? `${path}/` : path);
    },
  };
}

function readIgnoreFile(path: string): string | null {
  const opened = openFile(path);
  if (typeof opened === 'string') return null;
  try {
    return readFileSync(opened.fd, 'utf8').replace(/^\ufeff/, '');
  } catch {
    // A directory of that name, or a file that cannot be read: no patterns.
    return null;
  } finally {
    closeSync(opened.fd);
  }
}
