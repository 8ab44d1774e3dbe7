import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { openWorkshop, type Report, type Runner, type Workshop } from '../support/workshop.ts';
import { Random } from './random.ts';
import type { Tree } from './tree.ts';
import { isProbe, makeTrial, type Trial } from './trial.ts';

/** A round in which a run with a store and one without did not come to the same. */
export interface Difference {
  readonly seed: number;
  readonly round: number;
  readonly runner: string;
  readonly what: string;
}

export interface Tally {
  readonly trials: number;
  /** Comparisons of a warm with a cold run of one chain. */
  readonly compared: number;
  readonly skippedSteps: number;
  readonly ranSteps: number;
  readonly interrupted: number;
  readonly differences: readonly Difference[];
}

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
  const tally = {
    trials: trials.length,
    compared: 0,
    skippedSteps: 0,
    ranSteps: 0,
    interrupted: 0,
    differences: [] as Difference[],
  };
  for (let round = 0; round < rounds && signal?.aborted !== true; round++) {
    layOut(workshop, trials, round);
    if (random.chance(0.3)) {
      tally.interrupted += 1;
      await interrupted(workshop, random, random.pick(trials));
    }
    const cold = `${workshop.directory}/cold`;
    const extra = [`--env=API_EXTRA=${round}`];
    const [warm, fresh] = [
      await workshop.run({ args: extra, jobs: 4 }),
      await workshop.run({ args: extra, store: cold, jobs: 4 }),
    ];
    rmSync(cold, { recursive: true, force: true });
    for (const { stderr } of [warm, fresh]) {
      const crash = /this is a bug[^]*/.exec(stderr)?.[0];
      if (crash !== undefined) tally.differences.push({ seed: seeds[0] ?? 0, round, runner: 'all', what: crash });
    }
    for (const trial of trials) compare(trial, { round, warm, fresh, tally });
  }
  return tally;
}

/** A forced run that does not come to its end. */
async function interrupted(workshop: Workshop, random: Random, { at }: Trial): Promise<void> {
  const args = random.weigh([
    [1, ['--no-cache']],
    [3, [`--rerun-from=${at}/Layerfile:${4 + random.below(4)}`]],
    [1, []],
  ]);
  const { process, report } = workshop.start({ args: [...args, '--env=API_EXTRA=none'] });
  await Promise.race([sleep(200 + random.below(1500)), report]);
  process.kill(random.chance(0.5) ? 'SIGKILL' : 'SIGTERM');
  await report;
}

export function layOut(workshop: Workshop, trials: readonly Trial[], round: number): void {
  const ignored: string[] = [];
  for (const { at, rounds } of trials) {
    const now = rounds[round];
    const before = round === 0 ? null : (rounds[round - 1] ?? null);
    if (!now) continue;
    if (before?.tree !== now.tree) writeTree(`${workshop.repository}/${at}/src`, now.tree, before?.tree ?? new Map());
    workshop.put(Object.fromEntries(Object.entries(now.layerfiles).map(([path, text]) => [`${at}/${path}`, text])));
    ignored.push(...now.ignored.map((line) => `/${at}/src/${line}`));
  }
  workshop.put({ '.layerignore': `${ignored.join('\n')}\n` });
}

/** Writes what differs, so that everything else keeps its times. */
function writeTree(root: string, tree: Tree, before: Tree): void {
  const place = (path: string): Buffer => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(path, 'latin1')]);
  mkdirSync(root, { recursive: true });
  for (const [path, node] of before) {
    if (tree.get(path) !== node) rmSync(place(path), { recursive: true, force: true });
  }
  for (const path of before.keys()) {
    // Directories that hold nothing any more go, as with git.
    for (let above = path; above.includes('/');) {
      above = above.slice(0, above.lastIndexOf('/'));
      if (![...tree.keys()].some((one) => one.startsWith(`${above}/`)))
        rmSync(place(above), { recursive: true, force: true });
    }
  }
  for (const [path, node] of tree) {
    if (before.get(path) === node && existsSync(place(path))) continue;
    rmSync(place(path), { recursive: true, force: true });
    mkdirSync(place(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''), { recursive: true });
    switch (node.kind) {
      case 'file':
        writeFileSync(place(path), node.text);
        chmodSync(place(path), node.executable ? 0o755 : 0o644);
        break;
      case 'link':
        symlinkSync(node.target, place(path));
        break;
      case 'directory':
        mkdirSync(place(path));
        break;
    }
  }
}

function compare(
  trial: Trial,
  {
    round,
    warm,
    fresh,
    tally,
  }: {
    round: number;
    warm: Report;
    fresh: Report;
    tally: { compared: number; skippedSteps: number; ranSteps: number; differences: Difference[] };
  },
): void {
  const mine = (report: Report) =>
    [...report.runners].filter(([id]) => id === trial.at || id.startsWith(`${trial.at}-`));
  const report = (runner: string, what: string): void =>
    void tally.differences.push({ seed: trial.seed, round, runner, what });
  const names = new Set([...mine(warm), ...mine(fresh)].map(([id]) => id));
  if (names.size === 0) report(trial.at, `nothing ran: ${warm.stderr.slice(-500)} ${fresh.stderr.slice(-500)}`);
  for (const id of names) {
    const [one, other] = [warm.runners.get(id), fresh.runners.get(id)];
    tally.compared += 1;
    tally.skippedSteps += one?.skipped.length ?? 0;
    tally.ranSteps += one?.ran.filter(({ title }) => !isProbe(title)).length ?? 0;
    const what = difference(one, other);
    if (what !== null) report(id, what);
  }
}

function difference(warm: Runner | undefined, cold: Runner | undefined): string | null {
  if (!warm || !cold) return `only in the ${warm ? 'warm' : 'cold'} run`;
  if (warm.outcome !== cold.outcome)
    return `warm ${warm.outcome} (${failure(warm)}), cold ${cold.outcome} (${failure(cold)})`;
  if (failure(warm) !== failure(cold)) return `warm ${failure(warm)}, cold ${failure(cold)}`;
  const [one, other] = [shown(warm), shown(cold)];
  if (one === other) return null;
  const [mine, theirs] = [new Set(one.split('\n')), new Set(other.split('\n'))];
  const only = (a: ReadonlySet<string>, b: ReadonlySet<string>, mark: string) =>
    [...a].filter((line) => !b.has(line)).map((line) => `  ${mark} ${line}`);
  return [
    `trees differ; warm skipped ${warm.skipped.length}`,
    ...only(mine, theirs, 'warm'),
    ...only(theirs, mine, 'cold'),
  ].join('\n');
}

function failure(runner: Runner): string {
  const failed = runner.ran.find((one) => one.failure !== null);
  return failed
    ? `${isProbe(failed.title) ? 'the probe' : failed.title}: ${failed.failure}: ${failed.output.slice(-1000)}`
    : 'nothing failed';
}

function shown(runner: Runner): string {
  return runner.ran.find(({ title }) => isProbe(title))?.output ?? '';
}
