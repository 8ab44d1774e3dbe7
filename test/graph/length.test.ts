import { expect, test } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { passedColumns } from '../../src/graph/length.ts';

function graph(...edges: readonly (readonly [string, string])[]): Graph {
  const ids = [...new Set(edges.flat())];
  return {
    nodes: ids.map((id) => ({ id, kind: 'layer', title: id, details: [] })),
    edges: edges.map(([from, to]) => ({ kind: 'from', from, to })),
  };
}

test('edges to the next column pass none; longer ones what lies between', () => {
  expect(passedColumns(graph(['a', 'b'], ['b', 'c']))).toBe(0);
  expect(passedColumns(graph(['a', 'b'], ['b', 'c'], ['a', 'c']))).toBe(1);
  expect(passedColumns(graph(['c', 'd'], ['b', 'c'], ['a', 'b'], ['a', 'd']))).toBe(2);
});
