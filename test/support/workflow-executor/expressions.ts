import { data, Evaluator, Lexer, Parser } from '@actions/expressions';

/** What an expression may name: contexts, each a JSON value. */
export type Contexts = Readonly<Record<string, unknown>>;

/** How a job, or what it needs, stands: what success(), failure() and cancelled() ask. */
export type Status = 'success' | 'failure' | 'cancelled' | 'skipped';

const names = ['github', 'inputs', 'vars', 'needs', 'strategy', 'matrix', 'secrets', 'steps', 'job', 'runner', 'env'];

/** The value of an expression (without `${{` and `}}`), by GitHub's own evaluator. */
export function evaluate(expression: string, contexts: Contexts, status: Status): unknown {
  const functions = Object.entries({
    success: status === 'success',
    failure: status === 'failure',
    cancelled: status === 'cancelled',
    always: true,
  }).map(([name, value]) => ({ name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) }));
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, names, functions).parse();
  const context = new data.Dictionary(...names.map((key) => ({ key, value: toData(contexts[key] ?? {}) })));
  const known = new Map(functions.map((one) => [one.name, one]));
  return fromData(new Evaluator(tree, context, known).evaluate());
}

/** Whether GitHub takes a value as true. */
export function isTrue(value: unknown): boolean {
  return value !== false && value !== 0 && value !== '' && value !== null;
}

/** A value with every `${{ … }}` in its texts replaced, once: what comes out is not looked at again. */
export function interpolate(value: unknown, contexts: Contexts, status: Status = 'success'): unknown {
  if (Array.isArray(value)) return value.map((one) => interpolate(one, contexts, status));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, interpolate(one, contexts, status)]));
  }
  if (typeof value !== 'string') return value;
  const pieces = split(value);
  if (pieces.length === 1 && pieces[0]?.expression === true) return evaluate(pieces[0].text, contexts, status);
  return pieces.map(({ text, expression }) => (expression ? textOf(evaluate(text, contexts, status)) : text)).join('');
}

/** A value as GitHub prints it into a text. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Texts and expressions; a `}}` inside an expression's quotes ends nothing. */
function split(text: string): readonly { readonly text: string; readonly expression: boolean }[] {
  const pieces: { text: string; expression: boolean }[] = [];
  let at = 0;
  for (const match of text.matchAll(/\$\{\{((?:'[^']*'|[^'])*?)\}\}/g)) {
    if (match.index > at) pieces.push({ text: text.slice(at, match.index), expression: false });
    pieces.push({ text: match[1] ?? '', expression: true });
    at = match.index + match[0].length;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), expression: false });
  return pieces;
}

function toData(value: unknown): data.ExpressionData {
  if (value === null || value === undefined) return new data.Null();
  if (typeof value === 'string') return new data.StringData(value);
  if (typeof value === 'number') return new data.NumberData(value);
  if (typeof value === 'boolean') return new data.BooleanData(value);
  if (Array.isArray(value)) return new data.Array(...value.map(toData));
  return new data.Dictionary(...Object.entries(value).map(([key, one]) => ({ key, value: toData(one) })));
}

function fromData(value: data.ExpressionData): unknown {
  switch (value.kind) {
    case data.Kind.Array:
      return (value as data.Array).values().map(fromData);
    case data.Kind.Dictionary:
      return Object.fromEntries((value as data.Dictionary).pairs().map((pair) => [pair.key, fromData(pair.value)]));
    case data.Kind.Null:
      return null;
    default:
      return (value as data.StringData | data.NumberData | data.BooleanData).value;
  }
}
