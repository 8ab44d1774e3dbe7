import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { playBatches, tallyText } from './batches.ts';
import { together } from './play.ts';

/** LAYER_ORACLE_SEED plays a run again; LAYER_ORACLE_TRIALS plays more. `npm run oracle` does the same without a test around it. */
const first = Number(process.env['LAYER_ORACLE_SEED'] ?? Math.floor(Math.random() * 1e8) * together);
const trials = Number(process.env['LAYER_ORACLE_TRIALS'] ?? '300');

it(
  `no run with a store comes to anything else than one without: seeds ${first} to ${first + trials - 1}`,
  { timeout: 120_000 + trials * 20_000 },
  async () => {
    const all = await playBatches({ first, trials, rounds: 3, parallel: availableParallelism() }, () => {});
    expect(all.differences).toEqual([]);
    expect(all.skippedSteps).toBeGreaterThan(trials);
    console.log(tallyText(all));
  },
);
