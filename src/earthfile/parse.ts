import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import { diagnostic } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/near.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import {
  earthKeywords,
  type EarthAssignment,
  type EarthCommand,
  type EarthfileAst,
  type EarthKeyword,
  type EarthLeaf,
  type EarthLine,
  type EarthWord,
} from './ast.ts';
import { parse as parseText } from './generated-parser.js';

import { nest } from './nest.ts';
import type { RawFault, RawLine, RawPiece } from './raw.ts';

/** What reading an Earthfile gives: always a tree, whatever the text, and what is wrong with it, in order. */
export interface ParsedEarthfile {
  readonly ast: EarthfileAst;
  readonly diagnostics: readonly Diagnostic[];
}

/** Parses an Earthfile. Never throws for what the text holds. What the language means beyond its form is `checkEarthfile`'s. */
export function parseEarthfile(file: SourceFile): ParsedEarthfile {
  const raw = parseText(file.text);
  const lines = raw.lines.map((line) => lineOf(file, line));
  if (raw.bom !== null) {
    const leaf = leafOf(file, raw.bom);
    lines.unshift({ kind: 'blank', leaves: [leaf], span: leaf.span });
  }
  const nested = nest(lines);
  const diagnostics = [...raw.faults.map((fault) => faultOf(file, fault)), ...nested.diagnostics];
  diagnostics.sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
  return {
    ast: { kind: 'earthfile', file, lines, version: nested.version, base: nested.base, recipes: nested.recipes },
    diagnostics,
  };
}

function leafOf(file: SourceFile, [kind, text, start, end]: RawPiece): EarthLeaf {
  return { kind, text, span: { file, start, end } };
}

function lineOf(file: SourceFile, line: RawLine): EarthLine {
  const leaves = line.pieces.map((piece) => leafOf(file, piece));
  const span = contentSpan(file, leaves);
  switch (line.kind) {
    case 'blank':
    case 'comment':
    case 'invalid':
      return { kind: line.kind, leaves, span };
    case 'header': {
      const name = leaves[0] as EarthLeaf;
      const recipe = /^[A-Z][A-Z0-9._]*$/.test(name.text) ? 'function' : 'target';
      return { kind: 'header', leaves, span, recipe, name: name.text, nameSpan: name.span };
    }
    case 'command':
      return commandOf(file, line.pieces, leaves, span);
  }
}

/** From the first leaf that means something to the last. */
function contentSpan(file: SourceFile, leaves: readonly EarthLeaf[]): Span {
  const telling = leaves.filter((leaf) => leaf.kind !== 'blank' && leaf.kind !== 'end' && leaf.kind !== 'comment');
  const first = telling[0] ?? leaves[0];
  const last = telling.at(-1) ?? leaves[0];
  return { file, start: first?.span.start ?? 0, end: last?.span.end ?? 0 };
}

function commandOf(
  file: SourceFile,
  pieces: readonly RawPiece[],
  leaves: readonly EarthLeaf[],
  span: Span,
): EarthCommand {
  const at = pieces.findIndex((piece) => piece[4] === 'keyword');
  const keyword = leaves[at] as EarthLeaf;
  const words: EarthWord[] = [];
  const assignments: EarthAssignment[] = [];
  let name: EarthWord | null = null;
  let valueStart = -1;
  let valueEnd = -1;
  const finish = () => {
    if (name === null) return;
    const value = valueStart < 0 ? null : wordOf(file, valueStart, valueEnd);
    assignments.push({ name, value });
    name = null;
    valueStart = valueEnd = -1;
  };
  for (const [, , start, end, role] of pieces) {
    if (role === 'word') words.push(wordOf(file, start, end));
    else if (role === 'name') {
      finish();
      name = wordOf(file, start, end);
    } else if (role === 'value') {
      if (valueStart < 0) valueStart = start;
      valueEnd = end;
    }
  }
  finish();
  const indent = leaves
    .slice(0, at)
    .map((leaf) => leaf.text)
    .join('');
  return {
    kind: 'command',
    leaves,
    span,
    keyword: keyword.text.replace(/[ \t]+/g, ' ') as EarthKeyword,
    keywordSpan: keyword.span,
    indent,
    words,
    assignments,
  };
}

/** A word's text: continuations and the blanks after them are no part of it. */
function wordOf(file: SourceFile, start: number, end: number): EarthWord {
  const written = file.text.slice(start, end);
  const text = written.includes('\\')
    ? written.replace(/\\(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r))+[ \t]*/g, '')
    : written;
  return { text, span: { file, start, end } };
}

function faultOf(file: SourceFile, fault: RawFault): Diagnostic {
  const span: Span = { file, start: fault.start, end: fault.end };
  switch (fault.what) {
    case 'unclosed-quote':
      return diagnostic('earthfile/unclosed-quote', span, { quote: fault.detail });
    case 'lone-backslash':
      return diagnostic('earthfile/lone-backslash', span, {});
    case 'late-equals':
      return diagnostic('earthfile/late-equals', span, {});
    case 'unknown-command': {
      const near = nearest(fault.detail.toUpperCase(), earthKeywords);
      return diagnostic('earthfile/unknown-command', span, { word: fault.detail, near });
    }
  }
}
