import { nearest } from '../diagnostics/near.ts';
import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import type { InstructionKind, Text, Word } from './ast.ts';
import { keywords } from './keywords.ts';

/** What a line that is no instruction is reported as, and the instruction that was probably meant. */
export interface Unknown {
  readonly found: Diagnostic;
  readonly meant: InstructionKind | null;
}

const kinds = Object.keys(keywords) as readonly InstructionKind[];

/** Longer keywords first, so that `run background` means RUN BACKGROUND. */
const phrases = kinds
  .map((kind) => ({ kind, words: keywords[kind].split(' ') }))
  .sort((a, b) => b.words.length - a.words.length);

/** `RUNBACKGROUND` and the like, each with its kind. */
const joinedPhrases: ReadonlyMap<string, InstructionKind> = new Map(
  phrases.map(({ kind, words }) => [words.join(''), kind]),
);

/** Instructions of Dockerfiles and Earthfiles that a Layerfile does not have, and what does their work here. */
const foreign: ReadonlyMap<string, string> = new Map([
  ['ADD', 'use COPY; fetch and unpack with RUN'],
  ['ARG', 'use ENV for a value of your own, BUILD ENV for one of the run (GIT_BRANCH, JOB_ID …)'],
  ['CMD', 'use RUN, or RUN BACKGROUND for what should stay up'],
  ['ENTRYPOINT', 'use RUN, or RUN BACKGROUND for what should stay up'],
  ['HEALTHCHECK', 'EXPOSE WEBSITE and EXPOSE TCP wait until the server answers'],
  ['MAINTAINER', 'drop the line, or make it a comment'],
  ['ONBUILD', 'put the instruction into the Layerfile that inherits'],
  ['SHELL', 'commands run in bash; call another shell inside RUN'],
  ['STOPSIGNAL', 'drop the line'],
  ['VOLUME', 'use CACHE for paths kept across runs'],
  ['SAVE', 'use CACHE for paths kept across runs'],
  ['GIT', 'use CLONE'],
  ['THEN', 'drop the word THEN'],
]);

/** First words of keywords, with what may follow them. */
const beginnings: ReadonlyMap<string, readonly string[]> = new Map([
  ['EXPOSE', ['EXPOSE WEBSITE', 'EXPOSE TCP']],
  ['BUILD', ['BUILD ENV']],
  ['SECRET', ['SECRET ENV']],
  ['SETUP', ['SETUP FILE']],
  ['SKIP', ['SKIP REMAINING IF']],
]);

/** Says what the first words of a line, at most four, were meant to be. The span is what is wrong and no more. */
export function unknownInstruction(typed: readonly Word[]): Unknown {
  const first = typed[0];
  if (first === undefined) throw new Error('a line without words is no invalid line');

  const strange = strangeBlank(first);
  if (strange !== null) return { found: strange, meant: null };

  const respelt = spelling(typed) ?? misspelling(typed);
  if (respelt !== null) {
    const near = keywords[respelt.kind];
    const word = respelt.words.map(({ value }) => value).join(' ');
    return {
      found: diagnostic('syntax/unknown-instruction', wrongWords(respelt.words, near), { word, near }),
      meant: respelt.kind,
    };
  }

  const upper = first.value.toUpperCase();
  const instead = foreign.get(upper);
  if (instead !== undefined) {
    return { found: diagnostic('syntax/foreign-instruction', first.span, { word: first.value, instead }), meant: null };
  }
  const goesOn = beginnings.get(upper);
  if (goesOn !== undefined) {
    return {
      found: diagnostic('syntax/incomplete-keyword', first.span, { word: first.value, goesOn }),
      meant: goesOn.length === 1 ? kindOf(goesOn[0] ?? '') : null,
    };
  }
  const notes = looksContinued(first)
    ? [{ message: 'if it belongs to the line above, end that line with a backslash', span: null }]
    : [];
  return {
    found: diagnostic('syntax/unknown-instruction', first.span, { word: shortened(first.value), near: null }, notes),
    meant: null,
  };
}

/** The keyword in other letters: `run`, `Expose Website`, `BUILDENV`, `SECRET_ENV`, `setup-file`. */
function spelling(typed: readonly Word[]): { kind: InstructionKind; words: readonly Word[] } | null {
  for (const { kind, words } of phrases) {
    for (let count = words.length; count >= 1; count--) {
      const taken = typed.slice(0, count);
      if (taken.length === count && letters(taken) === words.join('')) return { kind, words: taken };
    }
  }
  return null;
}

/** The keyword with a slip: word by word, or the first word against a whole keyword written together. */
function misspelling(typed: readonly Word[]): { kind: InstructionKind; words: readonly Word[] } | null {
  for (const { kind, words } of phrases) {
    if (words.length === 1 || typed.length < words.length) continue;
    const taken = typed.slice(0, words.length);
    if (taken.every((word, index) => isNear(word.value, words[index] ?? ''))) return { kind, words: taken };
  }
  const first = typed[0];
  if (first === undefined || foreign.has(first.value.toUpperCase()) || beginnings.has(first.value.toUpperCase())) {
    return null;
  }
  const near = nearest(letters([first]), joinedPhrases.keys());
  if (near === null) return null;
  const kind = joinedPhrases.get(near);
  return kind === undefined ? null : { kind, words: [first] };
}

/** Indented, or beginning as the middle of a command does. */
function looksContinued({ value, span }: Word): boolean {
  const before = span.file.text[span.start - 1];
  return before === ' ' || before === '\t' || /^(?:&&|\||-)/.test(value);
}

function isNear(typed: string, word: string): boolean {
  return nearest(typed, [word]) !== null;
}

/** Capitals of the words, without what may stand between them. */
function letters(words: readonly Word[]): string {
  return words.map(({ value }) => value.toUpperCase().replace(/[_-]/g, '')).join('');
}

/**
 * RUN whose command begins with `background`, `REPEATABEL` or the like. No command is called so; it is reported on that word,
 * and stays a RUN.
 */
export function misspeltRun({ value, span }: Text): Diagnostic | null {
  const word = /^[A-Za-z]+(?=[ \t]|$)/.exec(value)?.[0];
  if (word === undefined) return null;
  const capitals = word === word.toUpperCase() && word.length > 3;
  const meant = ['BACKGROUND', 'REPEATABLE'].find(
    (one) => one === word.toUpperCase() || (capitals && nearest(word, [one]) !== null),
  );
  if (meant === undefined) return null;
  const at = { file: span.file, start: span.start, end: span.start + word.length };
  return diagnostic('syntax/unknown-instruction', at, { word: `RUN ${word}`, near: `RUN ${meant}` });
}

/** From the first to the last of the words that differ from the keyword's. */
function wrongWords(words: readonly Word[], near: string): Span {
  const right = near.split(' ');
  const wrong = words.length === right.length ? words.filter(({ value }, index) => value !== right[index]) : words;
  const first = wrong[0] ?? words[0];
  const last = wrong.at(-1) ?? words.at(-1);
  if (first === undefined || last === undefined) throw new Error('no words to point at');
  return { file: first.span.file, start: first.span.start, end: last.span.end };
}

function kindOf(keyword: string): InstructionKind | null {
  return kinds.find((kind) => keywords[kind] === keyword) ?? null;
}

/** A keyword that a no-break space or the like glues to what follows; it looks right, so say what is there. */
function strangeBlank(first: Word): Diagnostic | null {
  const found = /[\v\f\u0085\u00A0\u1680\u2000-\u200B\u2028\u2029\u202F\u205F\u2060\u3000\uFEFF]/.exec(first.value);
  if (found === null || joinedBefore(first)) return null;
  const start = first.span.start + found.index;
  return diagnostic(
    'syntax/strange-blank',
    { file: first.span.file, start, end: start + 1 },
    { character: unicodeName(found[0]) },
  );
}

function joinedBefore(word: Word): boolean {
  return word.span.end - word.span.start !== word.value.length;
}

function unicodeName(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** A word that is fit for a message. */
function shortened(word: string): string {
  return word.length <= 40 ? word : `${word.slice(0, 39)}…`;
}
