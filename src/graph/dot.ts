import type { Graph } from './graph.ts';

/** A graph in Graphviz's language: solid arrows are FROM, dashed ones WAIT. */
export function dot({ nodes, edges }: Graph): string {
  const boxes = nodes.map((node) => {
    const shape = node.kind === 'machine' ? 'ellipse' : 'box';
    return `  ${quote(node.id)} [shape=${shape}, label=${quote([node.title, ...node.details].join('\n'))}];`;
  });
  const arrows = edges.map(({ kind, from, to }) => {
    const style = kind === 'from' ? '' : ' [style=dashed, label="WAIT"]';
    return `  ${quote(from)} -> ${quote(to)}${style};`;
  });
  const head = [
    'digraph layers {',
    '  rankdir=LR;',
    '  node [fontname="sans-serif"];',
    '  edge [fontname="sans-serif"];',
  ];
  return `${[...head, ...boxes, ...arrows, '}'].join('\n')}\n`;
}

function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
