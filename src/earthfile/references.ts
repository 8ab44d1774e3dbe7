import { argumentsOf, type EarthArguments } from './arguments.ts';
import type { EarthCommand, EarthKeyword, EarthWord } from './ast.ts';

/** A reference to a target or function: `+name`, `./dir+name`, `alias+name`, `github.com/o/r+name`. */
export interface EarthReference {
  /** What stands before the `+`; empty for this file. */
  readonly source: string;
  readonly name: string;
  readonly kind: 'target' | 'function';
  readonly span: EarthWord['span'];
  /** Whether arguments are passed along: then it may be another build of the same target. */
  readonly passesArguments: boolean;
}

/** `source+name` at the start of a text; an artifact's path may follow. Null where the text is no reference. */
function split(text: string): { readonly source: string; readonly name: string; readonly length: number } | null {
  const match = /^([^\s+()"'$]*)\+([A-Za-z][A-Za-z0-9._-]*)/.exec(text);
  if (match === null) return null;
  const [whole, source = '', name = ''] = match;
  return { source, name, length: whole.length };
}

function reference(
  word: EarthWord,
  offset: number,
  kind: 'target' | 'function',
  passesArguments: boolean,
): EarthReference[] {
  const found = split(word.text.slice(offset));
  if (found === null) return [];
  const start = word.span.start + offset;
  return [
    {
      source: found.source,
      name: found.name,
      kind,
      span: { ...word.span, start, end: start + found.length },
      passesArguments,
    },
  ];
}

type Finder = (args: EarthArguments) => readonly EarthReference[];

const target: Finder = ({ flags, words }) => {
  const passes =
    words.length > 1 || flags.some((flag) => ['--build-arg', '--platform', '--pass-args'].includes(flag.name));
  return words.slice(0, 1).flatMap((word) => reference(word, 0, 'target', passes));
};

/** A word that may stand in brackets with arguments of its own: `(+target/path --arg=value)`. */
const bracketed = (word: EarthWord, offset: number) => {
  const open = word.text[offset] === '(';
  return reference(word, open ? offset + 1 : offset, 'target', open);
};

/** Where each command's references stand. */
const finders: Partial<Record<EarthKeyword, Finder>> = {
  FROM: target,
  BUILD: target,
  DO: ({ words }) => words.slice(0, 1).flatMap((word) => reference(word, 0, 'function', words.length > 1)),
  COPY: ({ words }) => words.slice(0, -1).flatMap((word) => bracketed(word, 0)),
  'FROM DOCKERFILE': ({ flags, words }) => {
    const file = flags.flatMap((flag) => (flag.name === '-f' && flag.value !== null ? [flag.value] : []));
    return [...words.slice(0, 1), ...file].flatMap((word) => bracketed(word, 0));
  },
  'WITH DOCKER': ({ flags }) =>
    flags.flatMap(({ name, value }) =>
      name === '--load' && value !== null ? bracketed(value, value.text.indexOf('=') + 1) : [],
    ),
};

/** Every reference in a command. Words that hold variables before the `+` are passed over: only the build can resolve them. */
export function referencesOf(command: EarthCommand): readonly EarthReference[] {
  return finders[command.keyword]?.(argumentsOf(command)) ?? [];
}
