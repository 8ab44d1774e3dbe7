import { expect, it } from 'vitest';
import { playTrials } from './play.ts';

/** LAYER_ORACLE_SEED plays a run again; LAYER_ORACLE_TRIALS plays more. `node test/oracle/run.ts` does the same without a test around it. */
const seed = Number(process.env['LAYER_ORACLE_SEED'] ?? Math.floor(Math.random() * 1e6) * 1000);
const trials = Number(process.env['LAYER_ORACLE_TRIALS'] ?? '24');
const rounds = 4;

it(
  `no run with a store comes to anything else than one without: seeds ${seed} to ${seed + trials - 1}`,
  { timeout: 60_000 + trials * 40_000 },
  async () => {
    for (let at = 0; at < trials; at += 16) {
      const seeds = Array.from({ length: Math.min(16, trials - at) }, (_, index) => seed + at + index);
      const tally = await playTrials(seeds, { rounds });
      expect(tally.differences).toEqual([]);
      expect(tally.skippedSteps).toBeGreaterThan(0);
    }
  },
);
