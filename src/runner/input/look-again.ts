import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { decodeLook, isSealedLook, type SavedLook } from './look.ts';
import { answer, answerSome, type Sheet } from './look-sheet.ts';

/** A look of an earlier run, being looked at again. */
export interface LookAgain {
  /**
   * The look, where everything is seen again as it was and it was sealed with this key (hex); else null. Blocks until that is known; the same at
   * every call.
   */
  same(key: string): SavedLook | null;
}

/** From here on it is worth the start of a thread. */
const worthThreadQuestions = 20_000;
const patienceMs = 500;

/** The thread's own program: beside this file in the sources, a program of its own in dist/. */
const program = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './look-worker.ts' : import.meta.url.replace(/[^/]*$/, 'look-worker.cjs'),
    import.meta.url,
  ),
);

/**
 * Begins to look again at what is kept in a file; null where nothing is. The disk is asked from this moment on, as soon as this thread would wait for
 * something else. `threadFrom`: with so many questions a second thread helps.
 */
export function lookAgain(file: string, threadFrom = worthThreadQuestions): LookAgain | null {
  const bytes = readShared(file);
  const look = bytes === null ? null : decodeLook(bytes);
  if (bytes === null || look === null) return null;
  const sheet: Sheet = { look, counters: new Int32Array(new SharedArrayBuffer(12)) };
  const questions = look.paths.length + look.lists.length + look.links.length;
  if (questions >= threadFrom && availableParallelism() > 1) startThread(bytes, sheet);
  setImmediate(answerSome, sheet);
  let known: SavedLook | null | undefined;
  return {
    same(key) {
      known ??= isSealedLook(bytes, key) && answer(sheet, patienceMs) ? look : null;
      return known;
    },
  };
}

function startThread(bytes: Uint8Array, { counters }: Sheet): void {
  const worker = new Worker(program, { workerData: { bytes: bytes.buffer, counters }, env: SHARE_ENV });
  // Without it this thread answers all itself.
  worker.on('error', () => undefined);
  worker.unref();
}

/** The bytes of a file in memory that threads share; null where there is none. */
function readShared(file: string): Uint8Array | null {
  try {
    const bytes = readFileSync(file);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    return shared;
  } catch {
    return null;
  }
}
