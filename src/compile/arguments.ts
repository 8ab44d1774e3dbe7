import { diagnostic } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/near.ts';
import type { Span } from '../diagnostics/source.ts';
import { escapeGlob } from '../ir/glob.ts';
import type { Argument, Source, Variable } from '../ir/ir.ts';
import { predefinedVariable, predefinedVariables, shellVariables } from '../ir/variables.ts';
import { homeOf } from '../ir/walk.ts';
import type { Word, WordPart } from '../syntax/ast.ts';
import type { Lowering } from './lower/lowering.ts';

/**
 * A word after static expansion: `$NAME` and `${NAME}` whose value ENV fixed become text, other variables stay. Single quotes keep
 * all as it stands; `\$` is a dollar sign. What cannot be expanded is reported.
 */
export function toArgument(lowering: Lowering, word: Word): Argument {
  return { parts: join(word.parts.flatMap((part) => expandPart(lowering, part, (text) => text))), span: word.span };
}

/** A word as a source of COPY or CLONE. In a glob, what is quoted and what variables hold is escaped for `parseGlob`. */
export function toSource(lowering: Lowering, word: Word): Source {
  const glob = word.parts.some((part) => part.quote === 'none' && /[*?[]/.test(part.text.replace(/\$\{[^}]*\}/g, '')));
  if (!glob) return { path: toArgument(lowering, word), glob };
  const parts = word.parts.flatMap((part) =>
    expandPart(lowering, part, (text, origin) =>
      origin === 'written' && part.quote === 'none' ? text.replaceAll('\\', '\\\\') : escapeGlob(text),
    ),
  );
  return { path: { parts: join(parts), span: word.span }, glob };
}

/** A word without its first characters, which must stand in its first part (`DEFAULT=`). */
export function withoutPrefix(word: Word, prefix: string): Word {
  const [first, ...rest] = word.parts;
  if (first === undefined) return word;
  const text = first.text.slice(prefix.length);
  const span = { ...first.span, start: Math.min(first.span.end, first.span.start + prefix.length) };
  const parts = text === '' ? rest : [{ ...first, text, span }, ...rest];
  return { value: word.value.slice(prefix.length), parts, span: { ...word.span, start: span.start } };
}

/** An argument with a text in front or behind. */
export function surround(argument: Argument, texts: { readonly before?: string; readonly after?: string }): Argument {
  return { ...argument, parts: join([texts.before ?? '', ...argument.parts, texts.after ?? '']) };
}

/** Neighbouring texts joined, empty ones left out. */
function join(parts: readonly (string | Variable)[]): readonly (string | Variable)[] {
  const joined: (string | Variable)[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (part === '') continue;
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part;
    else joined.push(part);
  }
  return joined;
}

type Encode = (text: string, origin: 'written' | 'expanded') => string;

const token = /\\\$|\$\{([^}]*)\}?|\$([A-Za-z_][A-Za-z0-9_]*)|\$\([^)]*\)?|`[^`]*`?/g;

function expandPart(lowering: Lowering, part: WordPart, encode: Encode): readonly (string | Variable)[] {
  if (part.quote === 'single' || !/[$`]/.test(part.text)) return [encode(part.text, 'written')];
  const parts: (string | Variable)[] = [];
  let at = 0;
  for (const match of part.text.matchAll(token)) {
    const [text, braced, bare] = match;
    parts.push(encode(part.text.slice(at, match.index), 'written'));
    at = match.index + text.length;
    const span = spanWithin(part, match.index, at);
    if (text === '\\$') parts.push(encode('$', 'expanded'));
    else if (text.startsWith('$(') || text.startsWith('`')) {
      lowering.report(diagnostic('language/substitution', span, { text }));
      parts.push(encode(text, 'expanded'));
    } else if (bare === undefined && (!text.endsWith('}') || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(braced ?? ''))) {
      lowering.report(diagnostic('language/expansion', span, { text }));
    } else {
      const value = variableValue(lowering, bare ?? braced ?? '', span);
      parts.push(typeof value === 'string' ? encode(value, 'expanded') : value);
    }
  }
  parts.push(encode(part.text.slice(at), 'written'));
  return parts;
}

/** The value of a variable where it is static; what is not set is reported. */
function variableValue(lowering: Lowering, name: string, span: Span): string | Variable {
  const set = lowering.scope.variables.get(name);
  if (set !== undefined) return set.literal ?? { variable: name };
  const predefined = predefinedVariable(name);
  if (name === 'HOME' && lowering.certain) return homeOf(lowering.scope) ?? { variable: name };
  const known = (predefined !== null && predefined.set !== 'secret') || shellVariables.has(name);
  if (!known && lowering.certain && !lowering.given.has(name)) {
    const candidates = [
      ...lowering.scope.variables.keys(),
      ...predefinedVariables.map((one) => one.name),
      'HOME',
      'USER',
      'PATH',
    ];
    const secret = predefined !== null;
    const near = secret ? null : nearest(name, candidates);
    lowering.report(diagnostic('language/unset-variable', span, { name, near, secret }));
  }
  return { variable: name };
}

/** The span of a piece of a part's text; the whole part where a continuation inside it shifts offsets. */
export function spanWithin(part: WordPart, start: number, end: number): Span {
  const { span, text } = part;
  if (span.end - span.start !== text.length) return span;
  return { file: span.file, start: span.start + start, end: span.start + end };
}
