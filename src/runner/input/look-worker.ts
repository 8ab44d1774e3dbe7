import { workerData } from 'node:worker_threads';
import { decodeLook } from './look.ts';
import { answerSome } from './look-sheet.ts';

/** A thread that helps to look again; see look-again.ts. */
const { bytes, counters } = workerData as { readonly bytes: SharedArrayBuffer; readonly counters: Int32Array };
const look = decodeLook(new Uint8Array(bytes));
if (look !== null) answerSome({ look, counters });
