import type { Ran, Report, Runner } from '../support/workshop.ts';
import { isProbe } from './trial.ts';

/** What a warm run of a chain did otherwise than a cold one, in words; null where nothing. */
export function difference(warm: Runner | undefined, cold: Runner | undefined): string | null {
  if (!warm || !cold) return `only in the ${warm ? 'warm' : 'cold'} run`;
  if (warm.outcome !== cold.outcome)
    return `warm ${warm.outcome} (${failure(warm)}), cold ${cold.outcome} (${failure(cold)})`;
  if (failure(warm) !== failure(cold)) return `warm ${failure(warm)}, cold ${failure(cold)}`;
  return treeDifference(warm, cold) ?? outputDifference(warm, cold);
}

function treeDifference(warm: Runner, cold: Runner): string | null {
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

/** Steps that both ran printed the same; what stays up prints whenever it wants to. */
function outputDifference(warm: Runner, cold: Runner): string | null {
  for (const one of lastTimes(warm)) {
    const other = lastTimes(cold).find(({ index }) => index === one.index);
    if (!other || one.title.startsWith('RUN BACKGROUND') || one.output === other.output) continue;
    return `${one.title}: warm printed ${JSON.stringify(one.output)}, cold ${JSON.stringify(other.output)}`;
  }
  return null;
}

/** How a run of `layer` ended that did not come to its end: its last words, and where it was. Null where it came to it. */
export function crash({ status, stderr, runners }: Report): string | null {
  const said = /^layer: [^]*/m.exec(stderr)?.[0];
  if (said === undefined && status !== null && status <= 1) return null;
  const words = (said ?? stderr.trimEnd().split('\n').slice(-lastWords).join('\n')).split('\n').slice(0, lastWords);
  const under = [...runners].filter(([, { outcome }]) => outcome === 'unfinished');
  const at = under.map(([id, { ran }]) => `  during ${id}: ${ran.at(-1)?.title ?? 'before its first step'}`);
  return [`crashed: ended with ${status}`, ...words, ...at].join('\n');
}

const lastWords = 12;

/** A step is done twice where what ran in the background did not come up again. */
function lastTimes({ ran }: Runner): readonly Ran[] {
  return ran.filter((one, at) => !ran.slice(at + 1).some(({ index }) => index === one.index));
}

function failure(runner: Runner): string {
  const failed = runner.ran.findLast((one) => one.failure !== null);
  if (failed)
    return `${isProbe(failed.title) ? 'the probe' : failed.title}: ${failed.failure}: ${failed.output.slice(-1000)}`;
  // A host that fails, or a runner before this one, stops it between its steps.
  return runner.outcome === 'broken' || runner.outcome === 'cancelled' ? (runner.why ?? 'no reason') : 'nothing failed';
}

function shown(runner: Runner): string {
  return runner.ran.findLast(({ title }) => isProbe(title))?.output ?? '';
}

/**
 * A runner, with what another copy's probe has shown where its own was skipped: copies that end before their SPLIT are one and the same, and one of them
 * does the work of all.
 */
export function withProbe(id: string, runners: ReadonlyMap<string, Runner>): Runner | undefined {
  const own = runners.get(id);
  if (!own || !own.skipped.some(isProbe)) return own;
  const family = (one: string): string => one.replace(/-\d+$/, '');
  const copies = [...runners].filter(([one]) => one !== id && family(one) === family(id));
  const probes = copies.flatMap(([, { ran }]) => ran.filter(({ title }) => isProbe(title)));
  return { ...own, ran: [...own.ran, ...probes.slice(0, 1)] };
}

/** The runners of a trial's Layerfiles and of their copies. */
export function runnersOf(report: Report, at: string): readonly (readonly [id: string, runner: Runner])[] {
  return [...report.runners].filter(([id]) => id === at || id.startsWith(`${at}-`));
}
