import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import type { LayerfileAst } from './ast.ts';

/** What reading a Layerfile gives: always a tree, whatever the text, and what is wrong with the text, in order. */
export interface Parsed {
  readonly ast: LayerfileAst;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses a Layerfile. Never throws; time is linear in the text. */
export function parse(_file: SourceFile): Parsed {
  throw new Error('not written yet');
}
