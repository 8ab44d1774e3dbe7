import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import type { RepoPath } from '../host.ts';
import type { LinkedLayerfile } from './layerfile.ts';

/** An edge of the graph: by FROM or by a word of WAIT. */
interface Edge {
  readonly to: RepoPath;
  readonly by: 'FROM' | 'WAIT';
  readonly span: Span;
}

/**
 * All Layerfiles, each after those it starts from or waits for, otherwise sorted by path. Each cycle is reported once, whole, at the
 * word that closes it; that word is not followed.
 */
export function order(
  linked: ReadonlyMap<RepoPath, LinkedLayerfile>,
  report: (found: Diagnostic) => void,
): readonly LinkedLayerfile[] {
  const ordered: LinkedLayerfile[] = [];
  const state = new Map<RepoPath, 'open' | 'done'>();
  for (const start of [...linked.keys()].sort(byPath)) {
    if (state.has(start)) continue;
    // Its own stack: a chain of thousands of Layerfiles must not overflow the engine's.
    const trail: { readonly location: RepoPath; readonly edges: readonly Edge[]; next: number }[] = [];
    const open = (location: RepoPath): void => {
      state.set(location, 'open');
      trail.push({ location, edges: edgesOf(linked.get(location)), next: 0 });
    };
    open(start);
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const edge = top.edges[top.next];
      top.next += 1;
      if (edge === undefined) {
        state.set(top.location, 'done');
        const done = linked.get(top.location);
        if (done !== undefined) ordered.push(done);
        trail.pop();
      } else if (!linked.has(edge.to)) continue;
      else if (state.get(edge.to) === 'open') {
        const first = trail.findIndex((one) => one.location === edge.to);
        report(cycle(trail.slice(first).map((one) => ({ location: one.location, edge: one.edges[one.next - 1] }))));
      } else if (!state.has(edge.to)) open(edge.to);
    }
  }
  return ordered;
}

function edgesOf(one: LinkedLayerfile | undefined): readonly Edge[] {
  if (one === undefined) return [];
  const edges: Edge[] = [];
  if (one.parent.kind === 'layerfile') edges.push({ to: one.parent.location, by: 'FROM', span: one.parent.span });
  for (const targets of one.waits.values()) {
    for (const { location, span } of targets) edges.push({ to: location, by: 'WAIT', span });
  }
  return edges;
}

/** The cycle as a sentence: `a/Layerfile (FROM) → b/Layerfile (WAIT) → a/Layerfile`. */
function cycle(steps: readonly { readonly location: RepoPath; readonly edge: Edge | undefined }[]): Diagnostic {
  const names = steps.map(({ location, edge }) => `${location} (${edge?.by ?? 'FROM'})`);
  const closing = steps.at(-1)?.edge;
  const notes = steps
    .slice(0, -1)
    .flatMap(({ location, edge }) =>
      edge === undefined ? [] : [{ message: `${location} leads to ${edge.to} here`, span: edge.span }],
    );
  return diagnostic(
    'graph/cycle',
    closing?.span ?? null,
    { cycle: [...names, steps[0]?.location ?? ''].join(' → ') },
    notes,
  );
}

function byPath(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
