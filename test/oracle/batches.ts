import { nothingYet, playTrials, sum, together, type Tally } from './play.ts';

/** Plays trials, several repositories at a time; `told` hears of each repository that is done, with all so far. */
export async function playBatches(
  { first, trials, rounds, parallel }: Readonly<Record<'first' | 'trials' | 'rounds' | 'parallel', number>>,
  told: (done: Tally, all: Tally) => void,
): Promise<Tally> {
  const batches: (readonly number[])[] = [];
  for (let seed = first; seed < first + trials;) {
    const end = Math.min(first + trials, (Math.floor(seed / together) + 1) * together);
    batches.push(Array.from({ length: end - seed }, (_, index) => seed + index));
    seed = end;
  }
  let all = nothingYet;
  const work = async (): Promise<void> => {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      const done = await playTrials(batch, { rounds });
      all = sum(all, done);
      told(done, all);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  return all;
}

/** The count in words. */
export function tallyText({ trials, compared, skippedSteps, ranSteps, disturbed, differences }: Tally): string {
  return `${trials} trials, ${compared} comparisons, ${skippedSteps} steps skipped, ${ranSteps} run, ${disturbed} runs disturbed, ${differences.length} differences`;
}
