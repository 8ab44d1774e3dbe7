import { openLocalStore } from '../runner/stores/local.ts';
import { StoreUnusable } from '../runner/stores/local/database.ts';
import { makeDirectory } from './make-directory.ts';

type Store = ReturnType<typeof openLocalStore>;

/** The store, or why it cannot be opened and what would help, as a sentence. */
export function openStore(...args: Parameters<typeof openLocalStore>): Store | { readonly failure: string } {
  const [directory] = args;
  try {
    makeDirectory(directory);
    return openLocalStore(...args);
  } catch (error) {
    if (error instanceof StoreUnusable) {
      return {
        failure: `${error.message}; delete ${error.directory} (base machines stay), or give another place with --store`,
      };
    }
    if (error instanceof Error && 'syscall' in error) {
      return { failure: `the store ${directory} cannot be used: ${error.message}; give another place with --store` };
    }
    throw error;
  }
}
