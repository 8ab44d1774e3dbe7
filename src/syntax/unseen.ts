import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type { LayerfileAst, Leaf } from './ast.ts';

/** Control characters, zero-width characters, and those that turn the direction of writing ("trojan source"). */
const unseen = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F\u200B\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/;

/** Characters that a reader of the file cannot see, the first one of each line, comments apart. */
export function unseenCharacters(ast: LayerfileAst): Diagnostic[] {
  if (!unseen.test(ast.file.text)) return [];
  return ast.lines.flatMap((line) => {
    if (line.kind === 'invalid') return [];
    for (const leaf of line.leaves) {
      const index = meaningful(leaf) ? leaf.text.search(unseen) : -1;
      if (index < 0) continue;
      const start = leaf.span.start + index;
      const code = leaf.text.charCodeAt(index);
      const span = { file: ast.file, start, end: start + 1 };
      const character = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
      return [
        code === 0 ? diagnostic('syntax/nul', span, {}) : diagnostic('syntax/invisible-character', span, { character }),
      ];
    }
    return [];
  });
}

function meaningful({ kind }: Leaf): boolean {
  return kind === 'word' || kind === 'text' || kind === 'operator';
}
