import type { RunContext } from '../context.ts';
import type { Position } from '../position.ts';
import { openMachine } from '../restore.ts';
import { createSharing } from '../sharing.ts';
import { session } from '../session.ts';
import type { TraceStore } from '../store.ts';
import { readContents, readTree } from './machine-tree.ts';
import type { SurveyedRunner, SurveyedStep } from './survey.ts';
import { judge, openQuestions, type SeenTree, type Tree, type TreeDifference } from './trees.ts';

/** What running a skipped step again showed. */
export type Verified =
  | { readonly kind: 'compared'; readonly files: number; readonly differences: readonly TreeDifference[] }
  /** It succeeded once, and fails whenever it runs now. */
  | { readonly kind: 'fails'; readonly why: string }
  | { readonly kind: 'unverified'; readonly why: string };

const wentBack = 'its snapshot could not be brought up';

/** Why a step cannot be verified; null where it can. */
export function unverifiable({ holds, after }: SurveyedStep): string | null {
  if (!holds || after === null) return 'it is not skipped now';
  if (after.data === null) return after.notKept ?? 'no snapshot was taken after it';
  return null;
}

/**
 * Runs a skipped step twice from the snapshot before it on the current files, and compares what the machines hold then with what its own snapshot
 * holds. Nothing is stored. CACHE paths are left out: what lies there is no part of what makes a step run. RUN REPEATABLE starts as a run would start it
 * now: from what it left itself.
 */
export async function verifyStep(step: SurveyedStep, { trail, context }: SurveyedRunner): Promise<Verified> {
  const { index } = step.chainStep;
  const unverified = (why: string): Verified => ({ kind: 'unverified', why });
  const at = trail.findIndex((one) => one.next === index + 1 && one.instance === step.instance?.id);
  const from = trail.findLastIndex((one) => one.data !== null && one.next <= index);
  if (at < 0 || from < 0) return unverified('the state before it is not known');

  const start = {
    trail: trail.slice(0, from + 1),
    stop: index + 1,
    reason: () => null,
    claims: createSharing().claims(),
  };
  const ends = await Promise.all([1, 2].map(() => session({ ...start, context: apart(context) })));
  const attempts: (readonly Position[])[] = [];
  const failures: string[] = [];
  for (const end of ends) {
    if (end.kind === 'done') attempts.push(end.trail);
    else if (end.kind === 'failed') failures.push(end.why);
    else if (end.kind === 'again') return unverified(end.note ?? wentBack);
    else if (end.kind === 'renew') return unverified('a WAIT stands before it');
    else return unverified(end.kind === 'button' ? 'a BUTTON stands before it' : end.why);
  }
  const [why] = failures;
  if (why !== undefined)
    return attempts.length === 0 ? { kind: 'fails', why } : unverified(`it fails now and then: ${why}`);
  const trails = [trail.slice(0, at + 1), ...attempts];
  if (trails.some((one) => one.at(-1)?.data == null))
    return unverified(
      trails.map((one) => one.at(-1)?.notKept ?? null).find((one) => one !== null) ?? 'nothing was kept',
    );
  return compare(trails, context);
}

async function compare(trails: readonly (readonly Position[])[], context: RunContext): Promise<Verified> {
  const { signal } = context;
  await using machines = new AsyncDisposableStack();
  const opened = [];
  const trees: Tree[] = [];
  for (const trail of trails) {
    const one = await openMachine(trail, context);
    if (one.kind !== 'open')
      return { kind: 'unverified', why: one.kind === 'again' ? (one.note ?? wentBack) : one.why };
    machines.use(one.machine);
    const tree = await readTree(one.machine, trail.at(-1)?.state.caches ?? [], signal);
    if ('unreadable' in tree) return { kind: 'unverified', why: tree.unreadable };
    opened.push(one.machine);
    trees.push(tree);
  }
  const open = openQuestions(trees);
  const seen: SeenTree[] = [];
  for (const [index, machine] of opened.entries()) {
    const tree = trees[index] ?? new Map();
    const contents = await readContents(
      machine,
      open.filter((path) => tree.get(path)?.kind === 'file'),
      signal,
    );
    if ('unreadable' in contents) return { kind: 'unverified', why: contents.unreadable };
    seen.push({ tree, contents });
  }
  const [old, first, second] = seen;
  if (!old || !first || !second) throw new Error('three machines were looked at');
  return { kind: 'compared', files: first.tree.size, differences: judge(old, first, second) };
}

/** A context whose runs leave nothing in the store and say nothing. */
function apart(context: RunContext): RunContext {
  const store: TraceStore = {
    ...context.ports.store,
    insert: async () => ({ stored: true }),
    publishVolume: async () => ({ stored: true }),
    retire: async () => {},
    touch: async () => {},
  };
  return { ...context, ports: { ...context.ports, store }, emit: () => {} };
}
