/** What an env file says: the last value of each name, and each line that is no assignment, without its text. */
export interface EnvFile {
  readonly values: ReadonlyMap<string, string>;
  readonly errors: readonly { readonly line: number; readonly why: string }[];
}

/**
 * Reads `NAME=value` lines, `export` before them allowed; `#` starts a comment at the start of a line only, since values may hold one. A value in
 * `'…'` is taken as it is, in `"…"` with `\n`, `\t`, `\"`, `\\` and `\$` read; both may go over several lines. Others end with the line, blanks at the ends cut.
 */
export function parseEnvFile(text: string): EnvFile {
  const values = new Map<string, string>();
  const errors: { line: number; why: string }[] = [];
  const rest = text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n');
  const assignment = /[^\S\n]*(?:export[^\S\n]+)?([A-Za-z_][A-Za-z0-9_]*)[^\S\n]*=[^\S\n]*/y;
  let at = 0;
  let line = 1;
  while (at < rest.length) {
    const end = rest.indexOf('\n', at) < 0 ? rest.length : rest.indexOf('\n', at);
    const whole = rest.slice(at, end).trim();
    let next = end + 1;
    if (whole !== '' && !whole.startsWith('#')) {
      assignment.lastIndex = at;
      const name = assignment.exec(rest)?.[1];
      if (name === undefined) errors.push({ line, why: 'not an assignment (write NAME=value)' });
      else {
        const read = readValue(rest, assignment.lastIndex, end);
        if (typeof read === 'string') errors.push({ line, why: read });
        else {
          values.set(name, read.value);
          next = read.next;
        }
      }
    }
    line += rest.slice(at, next).split('\n').length - 1;
    at = next;
  }
  return { values, errors };
}

/** The value that starts at `at` in a line that ends at `end`; what is wrong with it as text. */
function readValue(text: string, at: number, end: number): { readonly value: string; readonly next: number } | string {
  const quote = text[at];
  if (at >= end || (quote !== '"' && quote !== "'")) return { value: text.slice(at, end).trim(), next: end + 1 };
  let value = '';
  for (let index = at + 1; index < text.length; index += 1) {
    const character = text[index] ?? '';
    if (character === quote) {
      const lineEnd = text.indexOf('\n', index) < 0 ? text.length : text.indexOf('\n', index);
      const after = text.slice(index + 1, lineEnd).trim();
      return after === '' || after.startsWith('#') ? { value, next: lineEnd + 1 } : 'text after the closing quote';
    }
    const escaped = text[index + 1];
    if (quote === '"' && character === '\\' && escaped !== undefined && 'nt"\\$'.includes(escaped)) {
      value += escaped === 'n' ? '\n' : escaped === 't' ? '\t' : escaped;
      index += 1;
    } else value += character;
  }
  return `the quote ${quote} is not closed`;
}
