import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type {
  BlankAst,
  CommentAst,
  ConditionAst,
  ConditionOperator,
  InstructionAst,
  InvalidAst,
  LineAst,
  RunAst,
  ShellWord,
  Text,
  Word,
  WordPart,
} from './ast.ts';
import { joined, layLeaves, type Token } from './leaves.ts';
import { misspeltRun, unknownInstruction } from './unknown.ts';

/** Where the grammar stands: UTF-16 offsets, half-open. */
interface Range {
  readonly start: number;
  readonly end: number;
}

type Unlaid<T> = T extends unknown ? Omit<T, 'leaves' | 'span'> : never;
type Content = Unlaid<LineAst>;
type Operator = NonNullable<ConditionAst['operator']>;

/** AND, or what was typed for it. */
interface TypedAnd {
  readonly typed: string;
  readonly span: Span;
}

/** A condition as far as it was typed; `reported` where something of it was wrong. */
interface TypedCondition {
  readonly ast: ConditionAst | null;
  readonly reported: boolean;
}

interface Segment {
  readonly condition: TypedCondition | null;
  readonly stray: Word | null;
}

/** How deeply quotes and substitutions may nest in a word of ENV. */
const deepest = 50;

const operators: ReadonlySet<string> = new Set<ConditionOperator>(['=', '!=', '=~', '!=~']);

export type TreeBuilder = ReturnType<typeof createTreeBuilder>;

/**
 * What the grammar's actions call: makes nodes, collects what is wrong, and keeps the tokens of the line being read.
 * A token drops those that an alternative which failed left at or after its start.
 */
export function createTreeBuilder(file: SourceFile) {
  const diagnostics: Diagnostic[] = [];
  let tokens: Token[] = [];
  let opened: { readonly opener: string; readonly span: Span }[] = [];
  let tooDeep = false;
  let endedAt = -1;

  const span = ({ start, end }: Range): Span => ({ file, start, end });
  const raw = ({ start, end }: Range): string => file.text.slice(start, end);

  const token = (kind: Token['kind'], range: Range): Span => {
    while ((tokens.at(-1)?.span.end ?? 0) > range.start) tokens.pop();
    const at = span(range);
    tokens.push({ kind, span: at });
    return at;
  };

  const makeWord = (at: Span, parts: readonly WordPart[]): Word => {
    const [only] = parts;
    const value = parts.length === 1 && only !== undefined ? only.text : parts.map((part) => part.text).join('');
    return { value, parts, span: at };
  };

  const makePart = (quote: WordPart['quote'], range: Range): WordPart => ({
    quote,
    text: joined(raw(range)),
    span: span(range),
  });

  return {
    diagnostics,

    line(content: Content, range: Range): LineAst {
      const leaves = layLeaves(file, range, tokens);
      const end = tokens.at(-1)?.span.end ?? range.start;
      const start = tokens[0]?.span.start ?? range.start;
      tokens = [];
      return { ...content, leaves, span: span({ start, end }) };
    },

    blank(): Unlaid<BlankAst> {
      tokens = [];
      return { kind: 'blank' };
    },

    comment(range: Range): Unlaid<CommentAst> {
      token('comment', range);
      return { kind: 'comment' };
    },

    /** `words` are the first few of the line, which is reported once: what was found in it before is dropped. */
    invalid(range: Range, words: readonly Word[]): Unlaid<InvalidAst> {
      tokens = [];
      token('invalid', range);
      while ((diagnostics.at(-1)?.span?.start ?? -1) >= range.start) diagnostics.pop();
      const { found, meant } = unknownInstruction(words);
      diagnostics.push(found);
      return { kind: 'invalid', word: words[0] ?? null, meant };
    },

    then(range: Range): Span {
      return token('invalid', range);
    },

    afterThens(thens: readonly Span[], node: Unlaid<InstructionAst>): Unlaid<InstructionAst> {
      for (const then of thens) diagnostics.push(diagnostic('syntax/then', then, {}));
      return node;
    },

    keyword(range: Range): Span {
      return token('keyword', range);
    },

    /** A plain RUN, unless the first word of its command was meant for the keyword. */
    run(keyword: Span, command: Text | null): Unlaid<RunAst> {
      const found = command === null ? null : misspeltRun(command);
      if (found !== null) diagnostics.push(found);
      return { kind: 'run', keyword, command };
    },

    text(range: Range): Text {
      return { value: joined(raw(range)), span: token('text', range) };
    },

    part: makePart,

    word(range: Range, parts: readonly WordPart[]): Word {
      return makeWord(token('word', range), parts);
    },

    plainWord: (range: Range): Word => makeWord(span(range), [makePart('none', range)]),

    shellWord(range: Range): ShellWord {
      const at = token('word', range);
      // Of nested ones, the substitution explains most: in "$(date" the quote that seems to close opens another.
      const unclosed = opened.find(({ opener }) => opener === '$(' || opener === '${') ?? opened[0];
      if (unclosed !== undefined) {
        const { opener } = unclosed;
        diagnostics.push(
          opener === '"' || opener === "'"
            ? diagnostic('syntax/unclosed-quote', unclosed.span, { quote: opener })
            : diagnostic('syntax/unclosed-substitution', unclosed.span, { opener }),
        );
      }
      opened = [];
      tooDeep = false;
      return { value: joined(raw(range)), span: at };
    },

    /** Opens a quote or a substitution of a shell word that ends at `end`; false, and reported once, where it is too deep. */
    open(typed: string, end: number): boolean {
      const opener = joined(typed);
      const at = span({ start: end - typed.length, end });
      if (opened.length < deepest) {
        opened.push({ opener, span: at });
        return true;
      }
      if (!tooDeep) diagnostics.push(diagnostic('syntax/nested-too-deeply', at, { deepest }));
      tooDeep = true;
      return false;
    },

    close(): void {
      opened.pop();
    },

    /** Only blanks follow this place of the line. */
    unfinished(at: number): void {
      endedAt = at;
    },

    goesOn: (at: number): boolean => at !== endedAt,

    /** `range` begins with the quote. */
    unclosedQuote(quote: '"' | "'", { start }: Range): void {
      diagnostics.push(diagnostic('syntax/unclosed-quote', span({ start, end: start + 1 }), { quote }));
    },

    /** `range` begins with the second of the two backslashes. */
    doubleBackslash({ start }: Range): void {
      diagnostics.push(diagnostic('syntax/double-backslash', span({ start: start - 1, end: start + 1 }), {}));
    },

    name(range: Range): Word {
      return makeWord(token('word', range), [makePart('none', range)]);
    },

    operator(range: Range): { readonly typed: string; readonly span: Span } {
      return { typed: joined(raw(range)), span: token('operator', range) };
    },

    and(range: Range): TypedAnd {
      return { typed: joined(raw(range)), span: token('keyword', range) };
    },

    condition(
      range: Range,
      name: Word,
      operator: { readonly typed: string; readonly span: Span } | null,
      value: Word | null,
    ): TypedCondition {
      const found = conditionFault(name, operator, value);
      if (found !== null) diagnostics.push(found);
      const known: Operator | null =
        operator !== null && operators.has(operator.typed)
          ? { value: operator.typed as ConditionOperator, span: operator.span }
          : null;
      return { ast: { name, operator: known, value, span: span(range) }, reported: found !== null };
    },

    /** A condition that begins with its operator. */
    nameless(operator: { readonly typed: string; readonly span: Span }): TypedCondition {
      diagnostics.push(diagnostic('syntax/condition-name', operator.span, { typed: null }));
      return { ast: null, reported: true };
    },

    conditions(
      first: Segment,
      rest: readonly { readonly and: TypedAnd; readonly segment: Segment }[],
    ): readonly ConditionAst[] {
      const isEmpty = (segment: Segment): boolean => segment.condition === null && segment.stray === null;
      rest.forEach(({ and, segment }, index) => {
        const before = rest[index - 1]?.segment ?? first;
        if (isEmpty(before)) {
          diagnostics.push(
            diagnostic('syntax/misplaced-and', and.span, { place: index === 0 ? 'leading' : 'doubled' }),
          );
        } else if (index === rest.length - 1 && isEmpty(segment)) {
          diagnostics.push(diagnostic('syntax/misplaced-and', and.span, { place: 'trailing' }));
        } else if (and.typed !== 'AND') {
          diagnostics.push(diagnostic('syntax/condition-and', and.span, { typed: and.typed }));
        }
      });
      const segments = [first, ...rest.map(({ segment }) => segment)];
      for (const { condition, stray } of segments) {
        if (stray === null || condition?.reported === true) continue;
        diagnostics.push(
          condition === null
            ? diagnostic('syntax/condition-name', stray.span, { typed: stray.value })
            : diagnostic('syntax/condition-rest', stray.span, { word: stray.value }),
        );
      }
      return segments.flatMap(({ condition }) => condition?.ast ?? []);
    },
  };
}

/** What is wrong with a condition, on its smallest wrong piece; one thing at most. */
function conditionFault(
  name: Word,
  operator: { readonly typed: string; readonly span: Span } | null,
  value: Word | null,
): Diagnostic | null {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name.value)) {
    return diagnostic('syntax/condition-name', name.span, { typed: name.value });
  }
  if (operator === null) return diagnostic('syntax/condition-operator', name.span, { typed: null, name: name.value });
  if (!operators.has(operator.typed)) {
    return diagnostic('syntax/condition-operator', operator.span, { typed: operator.typed, name: name.value });
  }
  if (value === null) return diagnostic('syntax/condition-value', operator.span, { operator: operator.typed });
  return null;
}
