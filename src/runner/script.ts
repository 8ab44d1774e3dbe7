import type { GuestPath } from '../host.ts';
import { assignable } from '../ir/assignable.ts';

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
