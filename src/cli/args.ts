import { parseArgs } from 'node:util';
import { nearest } from '../diagnostics/near.ts';

/** An option of a command. `help` is a phrase for the list of options; `short` a letter that means the same. */
export type Option = FlagOption | TextOption | TextsOption | NumberOption | ChoiceOption;

interface OptionBase {
  readonly help: string;
  readonly short?: string;
}

export interface FlagOption extends OptionBase {
  readonly kind: 'flag';
}

/** At most once; null where it is not given. */
export interface TextOption extends OptionBase {
  readonly kind: 'text';
  readonly placeholder: string;
}

/** As often as wanted. */
export interface TextsOption extends OptionBase {
  readonly kind: 'texts';
  readonly placeholder: string;
}

/** A whole number, `least` or more; null where it is not given. */
export interface NumberOption extends OptionBase {
  readonly kind: 'number';
  readonly placeholder: string;
  readonly least: number;
}

/** One of a few words, the first where it is not given. */
export interface ChoiceOption<C extends string = string> extends OptionBase {
  readonly kind: 'choice';
  readonly choices: readonly [C, ...C[]];
}

export type Options = { readonly [name: string]: Option };

type ValueOf<O extends Option> =
  O extends ChoiceOption<infer C>
    ? C
    : {
        readonly flag: boolean;
        readonly text: string | null;
        readonly texts: readonly string[];
        readonly number: number | null;
        readonly choice: string;
      }[O['kind']];

/** What was typed behind a command's name. */
export interface Args<O extends Options> {
  readonly options: { readonly [N in keyof O]: ValueOf<O[N]> };
  readonly operands: readonly string[];
}

/** What a command takes beside options. */
export interface Operands {
  readonly placeholder: string;
  readonly help: string;
  readonly least: number;
  readonly most: number;
  /** How the usage line shows them, where it is not one repeated thing. */
  readonly usage?: string;
}

export const flag = (help: string): FlagOption => ({ kind: 'flag', help });
export const text = (placeholder: string, help: string): TextOption => ({ kind: 'text', placeholder, help });
export const texts = (placeholder: string, help: string): TextsOption => ({ kind: 'texts', placeholder, help });
export const number = (placeholder: string, least: number, help: string): NumberOption => ({
  ...{ kind: 'number', placeholder, least, help },
});
export const choice = <const C extends string>(choices: readonly [C, ...C[]], help: string): ChoiceOption<C> => ({
  ...{ kind: 'choice', choices, help },
});

/** Reads what was typed behind a command's name; `problem` is a sentence for a person. */
export function readArgs<O extends Options>(
  typed: readonly string[],
  { options, operands }: { readonly options: O; readonly operands: Operands | null },
): Args<O> | { readonly problem: string } {
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(options)) values[name] = initialValue(option);
  const found: string[] = [];

  const { tokens } = parseArgs({
    args: [...typed],
    options: Object.fromEntries(Object.entries(options).map(([name, one]) => [name, parserOption(one)])),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind === 'positional') found.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!option) return { problem: unknownOption(token.rawName, options) };
    const given = token.value ?? null;
    const value = token.inlineValue === true || given === null || !/^-./.test(given) ? given : null;
    const read = readValue({ option, name: token.rawName, value, before: values[token.name] });
    if ('problem' in read) return read;
    values[token.name] = read.value;
  }

  const problem = wrongCount(found, operands);
  if (problem !== null) return { problem };
  return { options: values as Args<O>['options'], operands: found };
}

function parserOption(option: Option): { type: 'boolean' | 'string'; short?: string } {
  const type = option.kind === 'flag' ? 'boolean' : 'string';
  return option.short === undefined ? { type } : { type, short: option.short };
}

function initialValue(option: Option): unknown {
  switch (option.kind) {
    case 'flag':
      return false;
    case 'texts':
      return [];
    case 'choice':
      return option.choices[0];
    case 'text':
    case 'number':
      return null;
  }
}

interface Typed {
  readonly option: Option;
  readonly name: string;
  readonly value: string | null;
  readonly before: unknown;
}

function readValue({ option, name, value, before }: Typed): { readonly value: unknown } | { readonly problem: string } {
  if (option.kind === 'flag') return value === null ? { value: true } : { problem: `${name} takes no value` };
  if (value === null) return { problem: `${name} wants a value: ${name} ${placeholderOf(option)}` };
  switch (option.kind) {
    case 'text':
      return { value };
    case 'texts':
      return { value: [...(before as readonly string[]), value] };
    case 'number': {
      const count = /^\d{1,15}$/.test(value) ? Number(value) : -1;
      if (count >= option.least) return { value: count };
      return { problem: `${name} wants a whole number, ${option.least} or more; it has ${JSON.stringify(value)}` };
    }
    case 'choice': {
      if (option.choices.includes(value)) return { value };
      const near = nearest(value, option.choices);
      const known = near === null ? `it can be ${listed(option.choices)}` : `did you mean ${near}?`;
      return { problem: `${name} cannot be ${JSON.stringify(value)}; ${known}` };
    }
  }
}

/** What stands for an option's value in help. */
export function placeholderOf(option: Exclude<Option, FlagOption>): string {
  return option.kind === 'choice' ? option.choices.join('|') : `<${option.placeholder}>`;
}

/** What people who come from other tools type to run something, and what does it here. */
const knownElsewhere: Readonly<Record<string, string>> = {
  '--dry-run': '`layer plan` says what a run would do, and runs nothing',
  '-n': '`layer plan` says what a run would do, and runs nothing',
  '--quiet': '--progress=quiet prints the end only',
  '-q': '--progress=quiet prints the end only',
  '--verbose': '--progress=plain prints every line',
  '--no-cache-dir': '--no-cache runs every step',
  '--force': '--no-cache runs every step',
  '-f': 'name the Layerfile or its directory itself',
  '--file': 'name the Layerfile or its directory itself',
};

function unknownOption(typed: string, options: Options): string {
  const elsewhere = Object.hasOwn(options, 'no-cache') ? knownElsewhere[typed] : undefined;
  if (elsewhere !== undefined) return `there is no option ${typed}; ${elsewhere}`;
  const near = nearest(
    typed,
    [...Object.keys(options), 'help'].map((name) => `--${name}`),
  );
  return near === null ? `there is no option ${typed}` : `there is no option ${typed}; did you mean ${near}?`;
}

function wrongCount(found: readonly string[], operands: Operands | null): string | null {
  const most = operands?.most ?? 0;
  if (found.length > most) return `does not know what to do with ${JSON.stringify(found[most])}`;
  if (operands && found.length < operands.least) return `wants ${operands.placeholder}: ${operands.help}`;
  return null;
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
