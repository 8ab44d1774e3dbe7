import { lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openLocalStore } from '../runner/stores/local.ts';
import { StoreUnusable } from '../runner/stores/local/database.ts';
import { makeDirectory } from './make-directory.ts';
import { refusalReason } from './refusal.ts';

type Store = ReturnType<typeof openLocalStore>;

/** The store, or why it cannot be opened and what would help, as a sentence. */
export function openStore(...args: Parameters<typeof openLocalStore>): Store | { readonly failure: string } {
  const [directory] = args;
  try {
    const wrong = ['', ...parts].map((part) => join(directory, part)).find((path) => !mayBeDirectory(path));
    if (wrong !== undefined)
      return { failure: `${wrong} is no directory; move it away, or give another place with --store` };
    makeDirectory(directory);
    return openLocalStore(...args);
  } catch (error) {
    if (error instanceof StoreUnusable) {
      return {
        failure: `${error.message}; delete ${error.directory} (base machines stay), or give another place with --store`,
      };
    }
    if (error instanceof Error && 'syscall' in error) {
      return {
        failure: `the store ${directory} cannot be used: ${refusalReason(error)}; give another place with --store`,
      };
    }
    throw error;
  }
}

/** Directories in a store, beside that of its format, each made when it is needed first. */
const parts = ['blobs', 'mirrors', 'bases'];

/** Not where something else lies, or a link that leads to nothing of the kind. */
function mayBeDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return !isLink(path);
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}
