import { styleText } from 'node:util';
import type { Diagnostic, Note, Severity } from '../diagnostic.ts';
import { lineStarts, lineText, positionAt, type Span } from '../source.ts';
import { layOut } from './layout.ts';
import { visible, visibleLines } from './visible.ts';

/** How diagnostics look on a terminal. */
export interface TerminalLook {
  readonly colour: boolean;
  /** Cells in a line. */
  readonly columns: number;
  /** A file's path as the reader would type it. */
  readonly showPath: (path: string) => string;
}

type Format = Parameters<typeof styleText>[0];

const severityFormat: { readonly [S in Severity]: Format } = {
  error: ['bold', 'red'],
  warning: ['bold', 'yellow'],
  info: ['bold', 'cyan'],
};
const frame: Format = ['bold', 'blue'];
const narrowest = 40;

/** A diagnostic in the style of rustc: sentence, place, the line with the span underlined, notes. Ends in a line feed. */
export function renderTerminal(diagnostic: Diagnostic, look: TerminalLook): string {
  const paint = painter(look);
  const spans = [diagnostic, ...diagnostic.notes].flatMap((one) => (one.span ? [one.span] : []));
  const gutter = Math.max(1, ...spans.map((span) => String(positionAt(span.file, span.end).line).length));
  const format = severityFormat[diagnostic.severity];
  const plain = diagnostic.notes.filter((note) => note.span === null);
  const lines = [
    `${paint(format, `${diagnostic.severity}[${diagnostic.code}]`)}${paint('bold', `: ${hanging(diagnostic.message, '  ')}`)}`,
  ];
  if (diagnostic.span) lines.push(...snippet(diagnostic.span, { mark: '^', format, gutter, look }));
  if (diagnostic.span && plain.length > 0) lines.push(bar(gutter, paint));
  for (const note of plain) lines.push(remark(note, gutter, paint));
  for (const note of diagnostic.notes) {
    if (!note.span) continue;
    lines.push(`${paint(['bold', 'green'], 'note')}: ${hanging(note.message, '  ')}`);
    lines.push(...snippet(note.span, { mark: '-', format: frame, gutter, look }));
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

interface SnippetStyle {
  readonly mark: '^' | '-';
  readonly format: Format;
  readonly gutter: number;
  readonly look: TerminalLook;
}

/** Where the span is, and its first and last line with the span underlined. */
function snippet(span: Span, style: SnippetStyle): readonly string[] {
  const paint = painter(style.look);
  const start = positionAt(span.file, span.start);
  const last = positionAt(span.file, Math.max(span.start, span.end - 1)).line;
  const path = visible(style.look.showPath(span.file.path));
  const arrow = `${' '.repeat(style.gutter)}${paint(frame, '-->')} ${path}:${start.line}:${start.column}`;
  // Of a file that is empty or cannot be read there is nothing to show.
  if (span.file.text === '') return [arrow];
  const lines = [arrow, bar(style.gutter, paint), ...marked(span, start.line, style)];
  if (last > start.line + 1) lines.push(paint(frame, '...'));
  if (last > start.line) lines.push(...marked(span, last, style));
  return lines;
}

/** A line of a file, and below it the marks under the part of it that the span covers, blanks at its ends apart. */
function marked(span: Span, line: number, style: SnippetStyle): readonly string[] {
  const paint = painter(style.look);
  const text = lineText(span.file, line);
  const lineStart = lineStarts(span.file)[line - 1] ?? 0;
  const covered = text.slice(Math.max(0, span.start - lineStart), Math.max(0, span.end - lineStart));
  const first = Math.max(0, span.start - lineStart) + (covered.length - covered.trimStart().length);
  const start = covered.trim() === '' ? Math.max(0, span.start - lineStart) : first;
  const end = covered.trim() === '' ? span.end - lineStart : first + covered.trim().length;
  const room = Math.max(narrowest, style.look.columns) - style.gutter - 3;
  const { text: shown, markStart, markWidth } = layOut(text, { start, end }, room);
  const number = String(line).padStart(style.gutter);
  return [
    `${paint(frame, `${number} |`)} ${shown}`,
    `${bar(style.gutter, paint)} ${' '.repeat(markStart)}${paint(style.format, style.mark.repeat(markWidth))}`,
  ];
}

function remark(note: Note, gutter: number, paint: Paint): string {
  const indent = ' '.repeat(gutter + 1);
  return `${indent}${paint(frame, '=')} ${paint('bold', 'help')}: ${hanging(note.message, `${indent}        `)}`;
}

function bar(gutter: number, paint: Paint): string {
  return paint(frame, `${' '.repeat(gutter)} |`);
}

/** A message of several lines, all but the first indented. */
function hanging(message: string, indent: string): string {
  return visibleLines(message).replaceAll('\n', `\n${indent}`);
}

type Paint = (format: Format, text: string) => string;

function painter(look: TerminalLook): Paint {
  return look.colour ? (format, text) => styleText(format, text, { validateStream: false }) : (_format, text) => text;
}
