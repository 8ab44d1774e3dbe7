import type { GuestPath } from '../host.ts';

/** What stands before every command of a step. */
export interface Preamble {
  /** What ENV set: names are identifiers, values are literal. Set after /etc/profile, so that no profile undoes them. */
  readonly env: Readonly<Record<string, string>>;
  readonly setupFiles: readonly GuestPath[];
}

/** A word that any shell reads as this text. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function preambleLines({ env, setupFiles }: Preamble): string[] {
  const lines = ['if [ -r /etc/profile ]; then . /etc/profile; fi'];
  for (const [name, value] of Object.entries(env)) lines.push(`export ${name}=${shellQuote(value)}`);
  lines.push('if [ -r ~/.profile ]; then . ~/.profile; fi');
  lines.push('if [ -r ~/.bash_profile ]; then . ~/.bash_profile; fi');
  for (const file of setupFiles) {
    const path = shellQuote(file);
    const message = shellQuote(`layer: the setup file ${file} is missing`);
    lines.push(`if [ ! -e ${path} ]; then printf '%s\\n' ${message} >&2; exit 1; fi`, `. ${path}`);
  }
  return lines;
}

/** RUN: profiles, ENV, setup files, then the command as written; its last status is the step's. */
export function runScript(preamble: Preamble, command: string): string {
  return [...preambleLines(preamble), command, ''].join('\n');
}

/**
 * ENV: each pair is assigned in turn and exported; the first failing substitution ends the step with its status.
 * Afterwards the values come on standard output between two lines of `marker`, each ended by NUL.
 */
export function envScript(
  preamble: Preamble,
  pairs: readonly { readonly name: string; readonly value: string }[],
  marker: string,
): string {
  const lines = preambleLines(preamble);
  for (const { name, value } of pairs) lines.push(`${name}=${assignable(value)} || exit $?`, `export ${name}`);
  const values = pairs.map(({ name }) => `"\${${name}}"`).join(' ');
  lines.push(`printf '%s\\0' ${shellQuote(marker)} ${values} ${shellQuote(marker)}`, '');
  return lines.join('\n');
}

/** Takes the values out of an ENV script's output; `rest` is what is left to show. Null where the script did not get that far. */
export function envValues(
  output: Buffer,
  marker: string,
  count: number,
): { readonly values: readonly string[]; readonly rest: Buffer } | null {
  const edge = Buffer.from(`${marker}\0`);
  const start = output.indexOf(edge);
  const end = output.lastIndexOf(edge);
  if (start < 0 || end <= start) return null;
  const values = output
    .subarray(start + edge.length, end)
    .toString('utf8')
    .split('\0');
  if (values.pop() !== '' || values.length !== count) return null;
  return { values, rest: Buffer.concat([output.subarray(0, start), output.subarray(end + edge.length)]) };
}

/**
 * A word of ENV as the right side of an assignment: what would be an operator outside quotes and substitutions is text there.
 * The word was split as a shell splits, so quotes, `$(…)` and backquotes are balanced.
 */
export function assignable(word: string): string {
  let out = '';
  let at = 0;
  while (at < word.length) {
    const end = groupEnd(word, at);
    const piece = word.slice(at, end);
    out += end === at + 1 && /[;&|<>()\s]/.test(piece) ? `\\${piece}` : piece;
    at = end;
  }
  return out;
}

/** The end of the quoted or substituted group that starts at `at`; `at + 1` where a plain character stands. */
function groupEnd(word: string, at: number): number {
  const char = word[at];
  if (char === '\\') return Math.min(at + 2, word.length);
  if (char === "'") return close(word, at + 1, "'");
  if (char === '`') return closeEscaped(word, at + 1, '`');
  if (char === '"') return doubleQuoteEnd(word, at + 1);
  if (char === '$' && word[at + 1] === '(') return nestedEnd(word, at + 2, ')');
  if (char === '$' && word[at + 1] === '{') return nestedEnd(word, at + 2, '}');
  return at + 1;
}

function close(word: string, from: number, quote: string): number {
  const end = word.indexOf(quote, from);
  return end < 0 ? word.length : end + 1;
}

function closeEscaped(word: string, from: number, quote: string): number {
  let at = from;
  while (at < word.length && word[at] !== quote) at += word[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, word.length);
}

function doubleQuoteEnd(word: string, from: number): number {
  let at = from;
  while (at < word.length && word[at] !== '"') {
    at = word[at] === "'" ? at + 1 : groupEnd(word, at);
  }
  return Math.min(at + 1, word.length);
}

function nestedEnd(word: string, from: number, closer: ')' | '}'): number {
  let at = from;
  while (at < word.length && word[at] !== closer) {
    at = closer === ')' && word[at] === '(' ? nestedEnd(word, at + 1, ')') : groupEnd(word, at);
  }
  return Math.min(at + 1, word.length);
}
