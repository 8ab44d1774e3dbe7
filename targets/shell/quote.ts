import type { Argument, Source } from '../../src/ir/ir.ts';

/** A text as one word of a shell command line. */
export function shellWord(text: string): string {
  if (text.startsWith('~')) return `\\~${text === '~' ? '' : shellWord(text.slice(1))}`;
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A text as the right side of an assignment, in quotes even where it needs none. */
export function shellValue(text: string): string {
  const word = shellWord(text);
  return word === text ? `'${text}'` : word;
}

/** An argument as one word for layer-sh, which replaces `${NAME}` by the value in force and reads `\x` as x. */
export function argumentWord(argument: Argument): string {
  const parts = argument.parts.map((part) => (typeof part === 'string' ? literal(part) : `\${${part.variable}}`));
  return shellWord(parts.join(''));
}

/** A text without variables as one word for layer-sh. */
export function literalWord(text: string): string {
  return shellWord(literal(text));
}

/** With a backslash before each character that layer-sh would read; never with two braces behind a dollar, which GitHub would read. */
function literal(text: string): string {
  return text.replace(/[\\$]|(?<=\$)\{/g, '\\$&');
}

/** A source of COPY or CLONE as words for layer-sh; `-g` stands before a glob. */
export function sourceWords({ path, glob }: Source): readonly string[] {
  const word = argumentWord(path);
  const safe = /^'?-/.test(word) ? word.replace(/^('?)-/, '$1./-') : word;
  return glob ? ['-g', safe] : [safe];
}
