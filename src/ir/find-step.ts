import { nearest } from '../diagnostics/near.ts';
import { positionAt, type Span } from '../diagnostics/source.ts';
import type { RepoPath } from '../host.ts';
import type { Layer, Plan, Step } from './ir.ts';
import { runnersOf, type Runner } from './runners.ts';
import { shortTitle } from './short-title.ts';
import { directoryOf } from './sources.ts';

/** A step that a person means. */
export interface NamedStep {
  readonly layer: Layer;
  readonly step: Step;
  /** Which copy of a SPLIT was named; null where none was. */
  readonly runner: Runner | null;
}

/** What ids of earlier results stand for, by the whole id. */
export type StepIds = ReadonlyMap<string, NamedStep>;

/**
 * The step that a person means by a line of a Layerfile (`web/Layerfile:5`), a number in a directory's Layerfile or a runner (`web:3`, from 1), a
 * CHECKPOINT's name, the beginning of an id that was printed (4 characters at least), or a part of the instruction that no other has.
 * Paths start at `here` in the repository, or at its root. `problem` is a sentence for a person.
 */
export function findStep(
  plan: Plan,
  typed: string,
  { here, ids }: { readonly here: RepoPath; readonly ids: StepIds },
): NamedStep | { readonly problem: string } {
  const all = plan.layers.flatMap((layer) => layer.steps.map((step): NamedStep => ({ layer, step, runner: null })));
  const placed = atPlace(plan, typed, here);
  if (placed !== null) return placed;
  const ways: readonly (() => readonly NamedStep[])[] = [
    () => all.filter(({ step }) => step.kind === 'checkpoint' && step.name === typed),
    () => all.filter(({ step }) => step.title === typed),
    () => withId(typed, ids),
    () => all.filter(({ step }) => typed !== '' && step.title.includes(typed)),
    () => all.filter(({ step }) => typed !== '' && step.title.toLowerCase().includes(typed.toLowerCase())),
  ];
  for (const way of ways) {
    const [first, ...others] = way();
    if (first === undefined) continue;
    return others.length === 0 ? first : { problem: ambiguous(typed, [first, ...others]) };
  }
  return { problem: unknown(typed, all) };
}

/** `web/Layerfile:5`. */
export function placeOf(span: Span): string {
  return `${span.file.path}:${positionAt(span.file, span.start).line}`;
}

/** A step by where it stands; null where the text is not of that form. */
function atPlace(plan: Plan, typed: string, here: RepoPath): NamedStep | { readonly problem: string } | null {
  const match = /^(.*):(\d{1,6})$/.exec(typed);
  if (!match) return null;
  const where = match[1] ?? '';
  const number = Number(match[2]);
  const fromRoot = cleanPath(where);
  const paths = where.startsWith('/') ? [fromRoot] : [cleanPath(`${here}/${where}`), fromRoot];
  for (const path of paths) {
    const layer = plan.layers.find((one) => one.path === path || (one.steps[0] ?? one).span.file.path === path);
    if (layer) return atLine(layer, number);
  }
  const runner = runnersOf(plan).find((one) => one.id === where) ?? null;
  const layer =
    plan.layers.find((one) => paths.some((path) => path === directoryOf(one.path))) ??
    plan.layers.find((one) => one.id === runner?.layer);
  if (!layer) return null;
  const step = layer.steps[number - 1];
  if (step) return { layer, step, runner };
  const last = layer.steps.length === 1 ? 'it has one step' : `its steps are 1 to ${layer.steps.length}`;
  return { problem: `${layer.path} has no step ${number}; ${last}` };
}

function atLine(layer: Layer, line: number): NamedStep | { readonly problem: string } {
  const step = layer.steps.find(({ span }) => {
    const last = positionAt(span.file, Math.max(span.start, span.end - 1)).line;
    return positionAt(span.file, span.start).line <= line && line <= last;
  });
  if (step) return { layer, step, runner: null };
  const lines = layer.steps.map(({ span }) => positionAt(span.file, span.start).line);
  const near = lines.toSorted((a, b) => Math.abs(a - line) - Math.abs(b - line))[0];
  const advice = near === undefined ? 'it has no steps' : `the nearest is ${layer.path}:${near}`;
  return { problem: `no step stands at ${layer.path}:${line}; ${advice}` };
}

function withId(typed: string, ids: StepIds): readonly NamedStep[] {
  if (!/^[0-9a-f]{4,32}$/.test(typed)) return [];
  const found = [...ids].flatMap(([id, named]) => (id.startsWith(typed) ? [named] : []));
  const [first, ...others] = found;
  // A parent's step shows up in every child's chain.
  return first !== undefined && others.every((one) => one.step === first.step) ? [first] : found;
}

function cleanPath(typed: string): RepoPath {
  const parts = typed.split('/').filter((part) => part !== '' && part !== '.');
  return parts.join('/') as RepoPath;
}

const mostCandidates = 8;

function ambiguous(typed: string, found: readonly NamedStep[]): string {
  const lines = found
    .slice(0, mostCandidates)
    .map(({ step }) => `\n  ${placeOf(step.span)}  ${shortTitle(step.title)}`);
  const more = found.length > mostCandidates ? `\n  … and ${found.length - mostCandidates} more` : '';
  return `${JSON.stringify(typed)} can be any of these; give the place:${lines.join('')}${more}`;
}

function unknown(typed: string, all: readonly NamedStep[]): string {
  const names = new Map<string, string>();
  for (const { step } of all) {
    if (step.kind === 'checkpoint' && step.name !== null) names.set(step.name, step.name);
    if (step.kind === 'run') names.set(step.command.trim(), step.title);
    names.set(step.title, step.title);
    names.set(placeOf(step.span), placeOf(step.span));
  }
  const near = nearest(typed, names.keys());
  const advice =
    near === null
      ? 'give its place (web/Layerfile:5, or web:3 for the third step of web), its checkpoint’s name, the id that layer run prints, or a part of its text'
      : `did you mean ${JSON.stringify(shortTitle(names.get(near) ?? near))}?`;
  return `no step is ${JSON.stringify(typed)}; ${advice}`;
}
