import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Span } from '../../diagnostics/source.ts';
import type { EarthfileChecked } from '../check.ts';

/** No target twice, and none with the base recipe's name. Earthly lets functions hide each other. */
export function* checkNames({ ast }: EarthfileChecked): Generator<Diagnostic> {
  const seen = new Map<string, Span>();
  for (const { kind, name, header } of ast.recipes) {
    if (kind === 'function') continue;
    const first = seen.get(name);
    if (first !== undefined) {
      yield diagnostic('earthfile/duplicate-name', header.nameSpan, { name }, [
        { message: 'the first one is here', span: first },
      ]);
    } else seen.set(name, header.nameSpan);
    if (name === 'base') yield diagnostic('earthfile/reserved-name', header.nameSpan, { name });
  }
}
