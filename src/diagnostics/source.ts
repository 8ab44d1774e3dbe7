/** A text that diagnostics point into. `path` is what a person is shown: relative to the repository, or as it was typed. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A part of a file: UTF-16 offsets, half-open. `start === end` marks a place between two characters. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** Where an offset is, as editors count: line and column both start at 1; the column counts UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

const lineStartsOf = new WeakMap<SourceFile, readonly number[]>();

/** Offsets at which the file's lines begin. LF, CRLF and CR all end a line. */
export function lineStarts(file: SourceFile): readonly number[] {
  const known = lineStartsOf.get(file);
  if (known) return known;
  const starts = [0];
  for (const match of file.text.matchAll(/\r\n|\r|\n/g)) starts.push(match.index + match[0].length);
  lineStartsOf.set(file, starts);
  return starts;
}

/** The line and column of an offset; computed only when something is printed. */
export function positionAt(file: SourceFile, offset: number): Position {
  const starts = lineStarts(file);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
}

/** The text of a line (1-based) without its line end; empty past the end of the file. */
export function lineText(file: SourceFile, line: number): string {
  const starts = lineStarts(file);
  const start = starts[line - 1];
  if (start === undefined) return '';
  return file.text.slice(start, starts[line] ?? file.text.length).replace(/[\r\n]+$/, '');
}

/** The text a span covers. */
export function spanText(span: Span): string {
  return span.file.text.slice(span.start, span.end);
}
