import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { playBatches, tallyText } from './batches.ts';
import { together } from './play.ts';

/**
 * npm run oracle -- [--trials N] [--seed N] [--rounds N] [--parallel N]
 *
 * Random repositories, Layerfiles and edits: what a run with a store comes to, against one without. Sixteen trials share a repository. A difference names
 * its trial and the command that plays its sixteen again; `--seed <its own> --trials 1` plays it alone, without what befell the repository.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    trials: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '4' },
    parallel: { type: 'string', default: String(availableParallelism()) },
  },
});
const first = values.seed === undefined ? Math.floor(Math.random() * 1e8) * together : Number.parseInt(values.seed, 10);
const [trials, rounds, parallel] = [Number(values.trials), Number(values.rounds), Number(values.parallel)];
console.log(`seeds ${first} to ${first + trials - 1}, ${rounds} rounds`);
const began = Date.now();
const all = await playBatches({ first, trials, rounds, parallel }, (done, soFar) => {
  for (const one of done.differences) {
    const batch = Math.max(first, one.seed - (one.seed % together));
    console.log(`seed ${one.seed} round ${one.round} ${one.runner}: ${one.what}\n${one.layerfiles}`);
    console.log(`again: npm run oracle -- --seed ${batch} --trials ${together} --rounds ${rounds}`);
  }
  console.log(`${tallyText(soFar)}, ${Math.round((Date.now() - began) / 1000)} s`);
});
console.log(`${all.differences.length === 0 ? 'equal' : 'NOT EQUAL'}: ${tallyText(all)}`);
process.exitCode = all.differences.length === 0 ? 0 : 1;
