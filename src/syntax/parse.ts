import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import type { LayerfileAst } from './ast.ts';
import { parse as parseLines } from './generated-parser.js';
import { withHereDocuments } from './here-document.ts';
import { createTreeBuilder } from './tree-builder.ts';
import { unseenCharacters } from './unseen.ts';

/** What reading a Layerfile gives: always a tree, whatever the text, and what is wrong with the text, in order. */
export interface Parsed {
  readonly ast: LayerfileAst;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses a Layerfile. Never throws; time is linear in the text. */
export function parse(file: SourceFile): Parsed {
  const tree = createTreeBuilder(file);
  const lines = parseLines(file.text, { tree });
  const ast: LayerfileAst = { kind: 'layerfile', file, lines, span: { file, start: 0, end: file.text.length } };
  return { ast, diagnostics: withHereDocuments(ast, inOrder([...tree.diagnostics, ...unseenCharacters(ast)])) };
}

/** By place, each once: an alternative of the grammar that was left again may have reported the same. */
function inOrder(found: readonly Diagnostic[]): readonly Diagnostic[] {
  const start = (one: Diagnostic): number => one.span?.start ?? 0;
  const sorted = found.toSorted((a, b) => start(a) - start(b));
  return sorted.filter((one, index) => {
    const before = sorted[index - 1];
    return before === undefined || before.code !== one.code || start(before) !== start(one);
  });
}
