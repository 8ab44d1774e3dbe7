import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { positionAt, type Span } from '../../src/diagnostics/source.ts';

/** Diagnostics as plain lines for goldens: place, severity, code and sentence; notes are indented. */
export function printDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const lines = diagnostics.flatMap(({ span, severity, code, message, notes }) => [
    `${place(span)} ${severity} ${code} ${message}`,
    ...notes.map((note) => `  ${place(note.span)} ${note.message}`),
  ]);
  return `${lines.join('\n')}\n`;
}

/** `path:line:column-line:column`; `-` where there is none. */
function place(span: Span | null): string {
  if (span === null) return '-';
  const start = positionAt(span.file, span.start);
  const end = positionAt(span.file, span.end);
  return `${span.file.path}:${start.line}:${start.column}-${end.line}:${end.column}`;
}
