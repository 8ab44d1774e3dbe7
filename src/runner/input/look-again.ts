import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { SHARE_ENV, Worker } from 'node:worker_threads';
import { isSealed, keptLooks, type KeptLook } from './kept-look.ts';
import { answer, answerSome, type Sheet } from './look-sheet.ts';

/** A look of an earlier run, which can be looked at again. */
export interface LookAgain {
  readonly kept: KeptLook;
  /**
   * Whether everything is seen again as it was and it was sealed with this key (hex). Blocks until that is known; the same at every call.
   */
  same(key: string): boolean;
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
 * What is kept in a file; nothing where there is none. The disk is asked about the first of them from this moment on, as soon as this thread would wait
 * for something else, and about the others when they are asked for. `threadFrom`: with so many questions a second thread helps.
 */
export function lookAgain(file: string, threadFrom = worthThreadQuestions): readonly LookAgain[] {
  const bytes = readShared(file);
  return bytes === null
    ? []
    : keptLooks(bytes).map((kept, index) => {
        const sheet: Sheet = { look: kept.look, counters: new Int32Array(new SharedArrayBuffer(12)) };
        if (index === 0) {
          if (kept.questions >= threadFrom && availableParallelism() > 1) startThread(kept, sheet);
          setImmediate(answerSome, sheet);
        }
        let known: boolean | undefined;
        return { kept, same: (key) => (known ??= isSealed(kept, key) && answer(sheet, patienceMs)) };
      });
}

function startThread({ bytes }: KeptLook, { counters }: Sheet): void {
  const worker = new Worker(program, { workerData: { bytes, counters }, env: SHARE_ENV });
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
