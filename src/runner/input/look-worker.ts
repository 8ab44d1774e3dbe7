import { workerData } from 'node:worker_threads';
import { keptLooks } from './kept-look.ts';
import { answerSome } from './look-sheet.ts';

/** A thread that helps to look again; see look-again.ts. */
const { bytes, counters } = workerData as { readonly bytes: Uint8Array; readonly counters: Int32Array };
for (const { look } of keptLooks(bytes)) answerSome({ look, counters });
