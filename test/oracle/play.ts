import { existsSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWorkshop, type Report, type Workshop } from '../support/workshop.ts';
import { crash, difference, runnersOf, withProbe } from './compare.ts';
import { secret, variable } from './features.ts';
import { layOut, useGit } from './lay-out.ts';
import { Random } from './random.ts';
import { inGit, isProbe, makeTrial, type Trial } from './trial.ts';

/** A round in which a run with a store and one without did not come to the same. */
export interface Difference {
  /** A crash comes before all others: whatever else there is may follow from it. */
  readonly kind: 'crash' | 'difference';
  readonly seed: number;
  readonly round: number;
  readonly runner: string;
  readonly what: string;
  /** The trial's Layerfiles in this round, and the one before. */
  readonly layerfiles: string;
}

export interface Tally {
  readonly trials: number;
  /** Comparisons of a warm with a cold run of one chain. */
  readonly compared: number;
  readonly skippedSteps: number;
  readonly ranSteps: number;
  /** Runs that were killed, or went on beside another one, or had lost their snapshots. */
  readonly disturbed: number;
  readonly differences: readonly Difference[];
}

export const nothingYet: Tally = {
  ...{ trials: 0, compared: 0, skippedSteps: 0, ranSteps: 0, disturbed: 0 },
  differences: [],
};

export function sum(one: Tally, other: Tally): Tally {
  return {
    trials: one.trials + other.trials,
    compared: one.compared + other.compared,
    skippedSteps: one.skippedSteps + other.skippedSteps,
    ranSteps: one.ranSteps + other.ranSteps,
    disturbed: one.disturbed + other.disturbed,
    differences: [...one.differences, ...other.differences].toSorted(
      (a, b) => Number(b.kind === 'crash') - Number(a.kind === 'crash'),
    ),
  };
}

/** Trials that share a repository: what happens to all of it follows from the number of the first. */
export const together = 16;

/** Memory, where there is plenty: cold runs start from an empty store each time. */
const place = existsSync('/dev/shm') ? '/dev/shm' : undefined;

/** Plays trials side by side in one repository: every round is run with the store that all rounds share, and with an empty one. */
export async function playTrials(
  seeds: readonly number[],
  { rounds, signal }: { readonly rounds: number; readonly signal?: AbortSignal },
): Promise<Tally> {
  using workshop = openWorkshop(place);
  const trials = seeds.map((seed) => makeTrial(seed, rounds));
  const random = new Random((seeds[0] ?? 0) ^ 0x5eed);
  let tally: Tally = { ...nothingYet, trials: trials.length };
  for (let round = 0; round < rounds && signal?.aborted !== true; round++) {
    layOut(workshop, trials, round);
    if (inGit(seeds[0] ?? 0)) useGit(workshop, random, round);
    tally = sum(tally, await playRound(workshop, { trials, random, round }));
  }
  return tally;
}

interface Playing {
  readonly trials: readonly Trial[];
  readonly random: Random;
  readonly round: number;
}

async function playRound(workshop: Workshop, { trials, random, round }: Playing): Promise<Tally> {
  const options = {
    args: [
      `--env=API_EXTRA=${round}`,
      `--secret=${secret}`,
      '--press=go on?',
      ...random.pick([[], [''], ['1'], ['1'], ['2']]).map((value) => `--env=${variable}=${value}`),
    ],
    env: { [secret]: random.pick(['a first secret', 'another secret', 'a first secret 2']) },
    jobs: 3,
  };
  let disturbed = 0;
  if (random.chance(0.3)) {
    disturbed += 1;
    await interrupted(workshop, { random, trial: random.pick(trials), options });
  }
  if (random.chance(0.1)) {
    disturbed += 1;
    const { status, stderr } = await workshop.layer(['prune', '--keep', random.pick(['0', '100K'])]);
    if (status !== 0) throw new Error(`layer prune ended with ${status}: ${stderr}`);
  }
  const twice = random.chance(0.1);
  if (twice) disturbed += 1;
  // Each its own value, so that neither skips the probe that the other has run.
  const warm = await Promise.all(
    (twice ? [0, 1] : [0]).map((one) =>
      workshop.run({ ...options, args: [...options.args, `--env=API_EXTRA=${round}.${one}`] }),
    ),
  );
  const [first] = warm;
  if (!first) throw new Error('one run at least');
  if (first.status === 2) throw new Error(`Layerfiles that are wrong, from ${trials[0]?.seed}: ${first.stderr}`);
  const wanted = trials.filter((trial) => wantsCold(trial, warm));
  const cold = `${workshop.directory}/cold`;
  const paths = wanted.map(({ at }) => at);
  const fresh =
    paths.length === 0 ? null : await workshop.run({ ...options, args: [...options.args, ...paths], store: cold });
  rmSync(cold, { recursive: true, force: true });
  const seed = trials[0]?.seed ?? 0;
  const crashes = [
    ...warm.map((report) => ({ runner: 'all, warm', what: crash(report) })),
    ...(fresh === null ? [] : [{ runner: 'all, cold', what: crash(fresh) }]),
  ].flatMap(({ runner, what }): Difference[] =>
    what === null ? [] : [{ kind: 'crash', seed, round, runner, what, layerfiles: '' }],
  );
  let tally: Tally = { ...nothingYet, disturbed, differences: crashes };
  // Whoever crashed has stopped all others: nothing more is to be learnt from them.
  if (fresh === null || crash(fresh) !== null) return tally;
  const whole = warm.filter((report) => crash(report) === null);
  for (const trial of wanted) for (const one of whole) tally = sum(tally, compare(trial, { round, warm: one, fresh }));
  return tally;
}

/** A run that skipped nothing, and had nothing of earlier runs, was a cold one itself. */
function wantsCold({ at, features }: Trial, warm: readonly Report[]): boolean {
  if (warm.length > 1 || features.includes('cache') || features.includes('repeatable')) return true;
  return warm.some((report) => {
    const runners = runnersOf(report, at);
    return runners.length === 0 || runners.some(([, runner]) => runner.skipped.length > 0);
  });
}

/** A forced run that does not come to its end, or may. */
async function interrupted(
  workshop: Workshop,
  {
    random,
    trial: { at },
    options,
  }: {
    readonly random: Random;
    readonly trial: Trial;
    readonly options: NonNullable<Parameters<Workshop['start']>[0]>;
  },
): Promise<void> {
  const force = random.weigh([
    [1, ['--no-cache']],
    [3, [`--rerun-from=${at}/Layerfile:${4 + random.below(4)}`]],
    [1, []],
  ]);
  const { process, report } = workshop.start({
    ...options,
    args: [...(options.args ?? []), ...force, '--env=API_EXTRA=none'],
  });
  await Promise.race([sleep(200 + random.below(2500)), report]);
  process.kill(random.chance(0.5) ? 'SIGKILL' : 'SIGTERM');
  await report;
}

function compare(
  trial: Trial,
  { round, warm, fresh }: { readonly round: number; readonly warm: Report; readonly fresh: Report },
): Tally {
  const runners = new Map(runnersOf(warm, trial.at));
  const names = new Set([...runners.keys(), ...runnersOf(fresh, trial.at).map(([id]) => id)]);
  const differences: Difference[] = [];
  const report = (runner: string, what: string): void => {
    const texts = [round - 1, round].map((one) =>
      Object.entries(trial.rounds[one]?.layerfiles ?? {}).map(
        ([path, text]) => `${path}:\n${text.replaceAll(/^RUN python3 -c "exec.*$/gm, 'RUN the probe')}`,
      ),
    );
    const layerfiles = [...new Set(texts.map((all) => all.join('\n')))].join('\n──── now\n');
    differences.push({ kind: 'difference', seed: trial.seed, round, runner, what, layerfiles });
  };
  if (names.size === 0) report(trial.at, `nothing ran: ${warm.stderr.slice(-500)} ${fresh.stderr.slice(-500)}`);
  for (const id of names) {
    const what = difference(withProbe(id, runners), withProbe(id, fresh.runners));
    if (what !== null) report(id, what);
  }
  const all = [...runners.values()];
  return {
    ...{ trials: 0, disturbed: 0, compared: names.size, differences },
    skippedSteps: all.reduce((count, one) => count + one.skipped.length, 0),
    ranSteps: all.reduce((count, one) => count + one.ran.filter(({ title }) => !isProbe(title)).length, 0),
  };
}
