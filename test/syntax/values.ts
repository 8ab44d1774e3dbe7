import type { LayerfileAst } from '../../src/syntax/ast.ts';

/** What a tree means, apart from places: its instructions with their typed fields, spans and leaves left out. */
export function valuesOf(ast: LayerfileAst): unknown {
  return ast.lines.filter((line) => line.kind !== 'blank' && line.kind !== 'comment').map(strip);
}

function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'span' && key !== 'leaves' && key !== 'keyword')
      .map(([key, child]) => [key, strip(child)]),
  );
}

/** The comments of a file, in order, without blanks at their ends. */
export function commentsOf(ast: LayerfileAst): readonly string[] {
  return ast.lines
    .flatMap((line) => line.leaves)
    .filter(({ kind }) => kind === 'comment')
    .map(({ text }) => text.replace(/[ \t]+$/, ''));
}
