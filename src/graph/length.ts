import type { Graph } from './graph.ts';

/**
 * How many columns the edges of a graph pass on their way, all together, when every node stands in the first column behind
 * all that it depends on: what a layered layout's time grows with.
 */
export function passedColumns({ nodes, edges }: Graph): number {
  const column = new Map(nodes.map((node) => [node.id, 0]));
  const waitingFor = new Map(nodes.map((node) => [node.id, 0]));
  const leadingTo = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  for (const { from, to } of edges) {
    waitingFor.set(to, (waitingFor.get(to) ?? 0) + 1);
    leadingTo.get(from)?.push(to);
  }
  const ready = nodes.map((node) => node.id).filter((id) => waitingFor.get(id) === 0);
  for (const id of ready) {
    for (const next of leadingTo.get(id) ?? []) {
      column.set(next, Math.max(column.get(next) ?? 0, (column.get(id) ?? 0) + 1));
      const left = (waitingFor.get(next) ?? 0) - 1;
      waitingFor.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return edges.reduce((sum, { from, to }) => sum + (column.get(to) ?? 0) - (column.get(from) ?? 0) - 1, 0);
}
