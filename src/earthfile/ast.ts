import type { SourceFile, Span } from '../diagnostics/source.ts';

/**
 * The tree of one Earthfile, in two views of the same lines: `lines` is concrete (its leaves, joined, are the file), and
 * `base` and `recipes` nest the commands into blocks.
 */
export interface EarthfileAst {
  readonly kind: 'earthfile';
  readonly file: SourceFile;
  readonly lines: readonly EarthLine[];
  /** The VERSION command, where the file has one in its place. */
  readonly version: EarthCommand | null;
  /** What stands above the first target: the base recipe. VERSION is not repeated here. */
  readonly base: readonly EarthStatement[];
  readonly recipes: readonly EarthRecipe[];
}

export type EarthLeafKind = 'name' | 'keyword' | 'word' | 'equals' | 'blank' | 'comment' | 'end' | 'invalid';

/** A piece of the file's text. */
export interface EarthLeaf {
  readonly kind: EarthLeafKind;
  readonly text: string;
  readonly span: Span;
}

interface EarthLineBase {
  readonly leaves: readonly EarthLeaf[];
  readonly span: Span;
}

export interface EarthBlank extends EarthLineBase {
  readonly kind: 'blank';
}

export interface EarthComment extends EarthLineBase {
  readonly kind: 'comment';
}

/** A line that is no command and no header; reported once. */
export interface EarthInvalid extends EarthLineBase {
  readonly kind: 'invalid';
}

/** `name:` at the start of a line: a target, or a function where the name is upper case. */
export interface EarthHeader extends EarthLineBase {
  readonly kind: 'header';
  readonly recipe: 'target' | 'function';
  readonly name: string;
  readonly nameSpan: Span;
}

/** A word of a command: quotes and escapes as they stand, continuations removed. */
export interface EarthWord {
  readonly text: string;
  readonly span: Span;
}

/** `name=value` of ENV, ARG, LET, SET or LABEL. The value runs over blanks (not in LABEL); null where none is given. */
export interface EarthAssignment {
  readonly name: EarthWord;
  readonly value: EarthWord | null;
}

/** A command with everything up to its line end; `keyword` has single blanks (`SAVE ARTIFACT`, `WITH DOCKER`). */
export interface EarthCommand extends EarthLineBase {
  readonly kind: 'command';
  readonly keyword: EarthKeyword;
  readonly keywordSpan: Span;
  /** The blanks before the keyword. */
  readonly indent: string;
  /** All words but those of assignments. */
  readonly words: readonly EarthWord[];
  readonly assignments: readonly EarthAssignment[];
}

export type EarthLine = EarthBlank | EarthComment | EarthHeader | EarthCommand | EarthInvalid;

/** A target or a function with its commands. */
export interface EarthRecipe {
  readonly kind: 'target' | 'function';
  readonly name: string;
  readonly header: EarthHeader;
  readonly body: readonly EarthStatement[];
}

/** A part of a block command: the command that opens it (IF, ELSE IF, ELSE, FOR, WAIT, TRY, CATCH, FINALLY, WITH DOCKER) and what stands in it. */
export interface EarthClause {
  readonly command: EarthCommand;
  readonly body: readonly EarthStatement[];
}

/** A block, from its first clause to END; `end` is null where END is missing (and reported). */
export interface EarthBlock {
  readonly kind: 'block';
  readonly clauses: readonly EarthClause[];
  readonly end: EarthCommand | null;
}

export interface EarthSimple {
  readonly kind: 'simple';
  readonly command: EarthCommand;
}

export type EarthStatement = EarthSimple | EarthBlock;

/** Every keyword of the language, deprecated and unsupported ones included. */
export const earthKeywords = [
  'FROM DOCKERFILE',
  'FROM',
  'LOCALLY',
  'COPY',
  'SAVE ARTIFACT',
  'SAVE IMAGE',
  'RUN',
  'EXPOSE',
  'VOLUME',
  'ENV',
  'ARG',
  'SET',
  'LET',
  'LABEL',
  'BUILD',
  'WORKDIR',
  'USER',
  'CMD',
  'ENTRYPOINT',
  'GIT CLONE',
  'ADD',
  'STOPSIGNAL',
  'ONBUILD',
  'HEALTHCHECK',
  'SHELL',
  'DO',
  'COMMAND',
  'FUNCTION',
  'IMPORT',
  'VERSION',
  'CACHE',
  'HOST',
  'PROJECT',
  'PIPELINE',
  'TRIGGER',
  'WITH DOCKER',
  'IF',
  'ELSE IF',
  'ELSE',
  'FOR',
  'WAIT',
  'TRY',
  'CATCH',
  'FINALLY',
  'END',
] as const;

export type EarthKeyword = (typeof earthKeywords)[number];
