import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import type { EarthfileChecked } from '../check.ts';
import { referencesOf } from '../references.ts';
import { commandsOf } from '../walk.ts';

interface Edge {
  readonly to: string;
  readonly span: Span;
}

/**
 * No target needs itself. Only what is certain counts: references that always run (outside IF, FOR, TRY) and pass no arguments,
 * since the same target with other arguments is another build.
 */
export function* checkCycles({ ast }: EarthfileChecked): Generator<Diagnostic> {
  const edges = new Map<string, readonly Edge[]>();
  for (const recipe of ast.recipes) {
    if (recipe.kind !== 'target' || edges.has(recipe.name)) continue;
    const certain = [...commandsOf(recipe.body)].filter(
      ({ within, command }) =>
        (within === null || within === 'WAIT' || within === 'WITH DOCKER') && command.keyword !== 'DO',
    );
    edges.set(
      recipe.name,
      certain.flatMap(({ command }) =>
        referencesOf(command)
          .filter((reference) => reference.source === '' && !reference.passesArguments)
          .map((reference) => ({ to: reference.name, span: reference.span })),
      ),
    );
  }
  const done = new Set<string>();
  for (const start of edges.keys()) {
    const cycle = findCycle(start, edges, done);
    if (cycle === null) continue;
    const [first] = cycle;
    if (first === undefined) continue;
    const names = [...cycle.map((edge) => `+${edge.to}`), `+${first.to}`];
    yield diagnostic('earthfile/cycle', first.span, { cycle: names.join(' → ') });
  }
}

/** A cycle that a walk from `start` meets, as the edges into each of its targets; null where there is none. Every target is walked once. */
function findCycle(
  start: string,
  edges: ReadonlyMap<string, readonly Edge[]>,
  done: Set<string>,
): readonly Edge[] | null {
  const path: { readonly name: string; readonly into: Edge | null; readonly rest: Edge[] }[] = [];
  const enter = (name: string, into: Edge | null) => path.push({ name, into, rest: [...(edges.get(name) ?? [])] });
  if (done.has(start)) return null;
  enter(start, null);
  while (path.length > 0) {
    const here = path[path.length - 1] as (typeof path)[number];
    const edge = here.rest.shift();
    if (edge === undefined) {
      done.add(here.name);
      path.pop();
      continue;
    }
    const at = path.findIndex((one) => one.name === edge.to);
    if (at >= 0) {
      for (const one of path) done.add(one.name);
      return [edge, ...path.slice(at + 1).map((one) => one.into as Edge)];
    }
    if (!done.has(edge.to) && edges.has(edge.to)) enter(edge.to, edge);
  }
  return null;
}
