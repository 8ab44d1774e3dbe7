import type { Graph } from './graph.ts';

/** A graph as a Mermaid flowchart, which GitHub draws in Markdown: solid arrows are FROM, dotted ones WAIT. */
export function mermaid({ nodes, edges }: Graph): string {
  const nameOf = new Map(nodes.map((node, index) => [node.id, `n${index}`]));
  const boxes = nodes.map((node) => {
    const label = [node.title, ...node.details].map(escape).join('<br>');
    const name = nameOf.get(node.id) ?? '';
    return node.kind === 'machine' ? `  ${name}(["${label}"])` : `  ${name}["${label}"]`;
  });
  const arrows = edges.map(({ kind, from, to }) => {
    const arrow = kind === 'from' ? '-->' : '-. WAIT .->';
    return `  ${nameOf.get(from)} ${arrow} ${nameOf.get(to)}`;
  });
  return `${['flowchart LR', ...boxes, ...arrows].join('\n')}\n`;
}

/** Mermaid's labels are HTML; entities are written without `&`. */
function escape(text: string): string {
  return text.replace(/["<>&#`\\\p{Cc}]/gu, (character) => `#${character.codePointAt(0)};`);
}
