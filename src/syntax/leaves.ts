import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { Leaf, LeafKind } from './ast.ts';

/** A part of a line that means something, as the grammar found it; may hold continuations. */
export interface Token {
  readonly kind: Exclude<LeafKind, 'blank' | 'continuation' | 'end'>;
  readonly span: Span;
}

/** A continuation inside a token, with the comment lines that follow it. The end of the file ends no token's continuation. */
const joint = /\\[ \t]*(?:\r\n|\r|\n)(?:[ \t]*#[^\r\n]*(?:\r\n|\r|\n))*/g;

const trivia = /(\uFEFF|[ \t]+)|(\\[ \t]*(?:\r\n|\r|\n|$))|(#[^\r\n]*)|(\r\n|\r|\n)/y;

/** A token's text without continuations and the comment lines after them. */
export function joined(text: string): string {
  return text.includes('\\') ? text.replace(joint, '') : text;
}

/** Lays out a line, `start` to `end`, as leaves: its tokens and, between and inside them, what means nothing. */
export function layLeaves(file: SourceFile, range: { start: number; end: number }, tokens: readonly Token[]): Leaf[] {
  const leaves: Leaf[] = [];
  const push = (kind: LeafKind, start: number, end: number): void => {
    if (start < end) leaves.push({ kind, text: file.text.slice(start, end), span: { file, start, end } });
  };

  const layTrivia = (start: number, end: number): void => {
    for (let at = start; at < end; at = trivia.lastIndex) {
      trivia.lastIndex = at;
      const found = trivia.exec(file.text);
      if (found === null) throw new Error(`no leaf at ${at} of ${file.path}`);
      const next = trivia.lastIndex;
      if (found[1] !== undefined) push('blank', at, next);
      else if (found[2] !== undefined) push('continuation', at, next);
      else if (found[3] !== undefined) push('comment', at, next);
      else push(next === range.end ? 'end' : 'continuation', at, next);
    }
  };

  const layToken = ({ kind, span }: Token): void => {
    const { start, end } = span;
    const text = file.text.slice(start, end);
    const divided = kind !== 'comment' && text.includes('\\');
    if (!divided && kind !== 'keyword') {
      leaves.push({ kind, text, span });
      return;
    }
    let at = 0;
    if (divided) {
      for (const found of text.matchAll(joint)) {
        laySolid(kind, text.slice(at, found.index), start + at);
        layTrivia(start + found.index, start + found.index + found[0].length);
        at = found.index + found[0].length;
      }
    }
    laySolid(kind, text.slice(at), start + at);
  };

  const laySolid = (kind: LeafKind, text: string, start: number): void => {
    if (kind !== 'keyword') {
      push(kind, start, start + text.length);
      return;
    }
    for (const found of text.matchAll(/[ \t]+|[^ \t]+/g)) {
      const blank = found[0].startsWith(' ') || found[0].startsWith('\t');
      push(blank ? 'blank' : kind, start + found.index, start + found.index + found[0].length);
    }
  };

  let at = range.start;
  for (const token of tokens) {
    layTrivia(at, token.span.start);
    layToken(token);
    at = token.span.end;
  }
  layTrivia(at, range.end);
  return leaves;
}
