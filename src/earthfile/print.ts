import type { EarthfileAst } from './ast.ts';

/** The text of a parsed Earthfile, byte for byte as it was read. */
export function printEarthfile(ast: EarthfileAst): string {
  return ast.lines.map((line) => line.leaves.map((leaf) => leaf.text).join('')).join('');
}
