import type { LayerfileAst } from './ast.ts';

/** The text of the file that the tree was parsed from, byte for byte. */
export function printLayerfile(ast: LayerfileAst): string {
  return ast.lines.map((line) => line.leaves.map((leaf) => leaf.text).join('')).join('');
}
