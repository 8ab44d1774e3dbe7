import type { Diagnostic } from '../diagnostic.ts';
import { positionAt, type Span } from '../source.ts';

/** Diagnostics as a JSON document for programs: offsets are UTF-16 units from 0; lines and columns count from 1. */
export function renderJson(diagnostics: readonly Diagnostic[]): string {
  const document = {
    version: 1,
    errors: diagnostics.filter((one) => one.severity === 'error').length,
    warnings: diagnostics.filter((one) => one.severity === 'warning').length,
    diagnostics: diagnostics.map((one) => ({
      code: one.code,
      severity: one.severity,
      message: one.message,
      ...place(one.span),
      notes: one.notes.map((note) => ({ message: note.message, ...place(note.span) })),
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function place(span: Span | null) {
  if (!span) return { path: null, start: null, end: null };
  const at = (offset: number) => ({ offset, ...positionAt(span.file, offset) });
  return { path: span.file.path, start: at(span.start), end: at(span.end) };
}
