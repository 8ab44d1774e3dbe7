import { parseArgs } from 'node:util';
import { playTrials } from './play.ts';

/**
 * node test/oracle/run.ts [--seed N] [--trials N] [--rounds N] [--batch N]
 *
 * Random repositories, Layerfiles and edits: what a run with a store comes to, against one without. A difference names the seed of its trial:
 * `--seed <it> --trials 1` plays it again, alone.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trials: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '5' },
    batch: { type: 'string', default: '16' },
  },
});
const first = values.seed === undefined ? Math.floor(Math.random() * 1e6) * 1000 : Number(values.seed);
const trials = Number(values.trials);
const batch = Number(values.batch);
console.log(`seeds ${first} to ${first + trials - 1}, ${values.rounds} rounds`);
const began = Date.now();
let compared = 0;
let skipped = 0;
let ran = 0;
let interrupted = 0;
let unsound = 0;
for (let at = 0; at < trials; at += batch) {
  const seeds = Array.from({ length: Math.min(batch, trials - at) }, (_, index) => first + at + index);
  const tally = await playTrials(seeds, { rounds: Number(values.rounds) });
  compared += tally.compared;
  skipped += tally.skippedSteps;
  ran += tally.ranSteps;
  interrupted += tally.interrupted;
  unsound += tally.differences.length;
  for (const one of tally.differences) console.log(`seed ${one.seed} round ${one.round} ${one.runner}: ${one.what}`);
  console.log(
    `${at + seeds.length} trials, ${compared} comparisons, ${skipped} steps skipped, ${ran} run, ${interrupted} runs interrupted, ${unsound} differences, ${Math.round((Date.now() - began) / 1000)} s`,
  );
}
process.exitCode = unsound === 0 ? 0 : 1;
