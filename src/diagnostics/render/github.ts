import type { Diagnostic, Note, Severity } from '../diagnostic.ts';
import { positionAt } from '../source.ts';

const commands: { readonly [S in Severity]: string } = { error: 'error', warning: 'warning', info: 'notice' };

/**
 * A diagnostic as a workflow command, which GitHub Actions shows beside the line (paths are relative to the repository).
 * Escaping as in @actions/core's command.ts. Ends in a line feed.
 */
export function renderGithub(diagnostic: Diagnostic): string {
  const properties = { ...placeOf(diagnostic), title: diagnostic.code };
  const written = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(String(value))}`);
  const message = [diagnostic.message, ...diagnostic.notes.map(noteText)].join('\n');
  return `::${commands[diagnostic.severity]} ${written.join(',')}::${escapeData(message)}\n`;
}

function placeOf({ span }: Diagnostic): { readonly [name: string]: string | number } {
  if (!span) return {};
  const start = positionAt(span.file, span.start);
  const end = positionAt(span.file, span.end);
  const last = positionAt(span.file, Math.max(span.start, span.end - 1)).line;
  const place = { file: span.file.path, line: start.line, endLine: last };
  // GitHub takes columns only within one line.
  return start.line === end.line ? { ...place, col: start.column, endColumn: end.column } : place;
}

function noteText(note: Note): string {
  if (!note.span) return note.message;
  const { line, column } = positionAt(note.span.file, note.span.start);
  return `${note.message} (${note.span.file.path}:${line}:${column})`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
