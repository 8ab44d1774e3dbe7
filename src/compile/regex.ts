import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Word } from '../syntax/ast.ts';
import { spanWithin } from './arguments.ts';

/** A construct that RE2, PCRE and JavaScript do not read alike, at offsets of the expression. */
interface Problem {
  readonly start: number;
  readonly end: number;
  readonly what: string;
}

/** Checks the expression of `=~` against what RE2, PCRE and JavaScript read alike; each construct that is not is reported. */
export function checkRegex(word: Word, report: (found: Diagnostic) => void): void {
  const problems = findProblems(word.value);
  for (const { start, end, what } of problems) {
    const [only, ...others] = word.parts;
    const span =
      only !== undefined && others.length === 0 && only.text === word.value ? spanWithin(only, start, end) : word.span;
    report(diagnostic('language/regex', span, { what }));
  }
}

const constructs: readonly { readonly pattern: RegExp; readonly what: (text: string) => string }[] = [
  {
    pattern: /\(\?<?[=!]/y,
    what: (text) =>
      `${text}…) looks around, which not every target can; say what must match, or compare twice with AND`,
  },
  { pattern: /\(\?P?<[A-Za-z_]\w*>/y, what: (text) => `${text}…) names a group; write (…)` },
  {
    pattern: /\(\?(?!:)[^:)]*[:)]?/y,
    what: (text) => `${text} is not read alike everywhere; groups are (…) and (?:…)`,
  },
  { pattern: /\\[1-9]\d*|\\k<[^>]*>?/y, what: (text) => `${text} refers back to a group, which not every target can` },
  { pattern: /\\[AzZ]/y, what: (text) => `${text} is not read alike everywhere; write ${text === '\\A' ? '^' : '$'}` },
  {
    pattern: /\\[GKQERXhHvVNaeClLuUpPc0]/y,
    what: (text) => `${text} is not read alike everywhere; write the characters themselves, or a set like [a-z]`,
  },
  {
    pattern: /\\(?![dDwWsSbBnrtf]|x[0-9A-Fa-f]{2})[A-Za-z_]/y,
    what: (text) => `${text} means nothing in a regular expression; drop the backslash`,
  },
  {
    pattern: /(?:[*+?]|\{\d+(?:,\d*)?\})\+/y,
    what: (text) => `${text} is possessive, which not every target can; drop the last +`,
  },
];

function findProblems(source: string): readonly Problem[] {
  const problems: Problem[] = [];
  let at = 0;
  while (at < source.length) {
    if (source[at] === '[') {
      const set = readSet(source, at);
      problems.push(...set.problems);
      at = set.end;
      continue;
    }
    const found = constructs.map(({ pattern, what }) => matchAt(pattern, source, at, what)).find((one) => one !== null);
    if (found !== undefined && found !== null) {
      problems.push(found);
      at = found.end;
    } else at += source[at] === '\\' ? 2 : 1;
  }
  if (problems.length > 0) return problems;
  const why = compileProblem(source);
  return why === null ? [] : [{ start: 0, end: source.length, what: why }];
}

/** A `[…]`: POSIX classes, sets within sets and escapes that are not read alike. */
function readSet(source: string, start: number): { readonly end: number; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const bare = matchAt(
    /\[([:.=])[^\]]*\1\]/y,
    source,
    start,
    (text) => `${text} is not read alike everywhere; write the characters, like [a-zA-Z]`,
  );
  if (bare !== null) return { end: bare.end, problems: [bare] };
  let at = start + 1;
  if (source[at] === '^') at += 1;
  if (source[at] === ']') {
    problems.push({
      start,
      end: at + 1,
      what: '[] is empty in one target and not closed in another; write \\] for the bracket itself',
    });
    at += 1;
  }
  while (at < source.length && source[at] !== ']') {
    const posix = matchAt(
      /\[[:.=][^\]]*[:.=]\]?/y,
      source,
      at,
      (text) => `${text} is not read alike everywhere; write the characters, like [a-zA-Z]`,
    );
    const escape = matchAt(
      /\\(?![dDwWsSnrtf]|x[0-9A-Fa-f]{2})[A-Za-z0-9_]/y,
      source,
      at,
      (text) => `${text} is not read alike everywhere; write the characters themselves`,
    );
    const bracket = matchAt(/\[/y, source, at, () => 'a [ inside a set is not read alike everywhere; write \\[');
    const range = matchAt(
      /\\[dDwWsS]-(?!\])|[^\]\\]-\\[dDwWsS]/y,
      source,
      at,
      (text) => `${text} is no range; put the - first in the set, or write \\-`,
    );
    const found = posix ?? range ?? escape ?? bracket;
    if (found !== null) {
      problems.push(found);
      at = found.end;
    } else at += source[at] === '\\' ? 2 : 1;
  }
  if (at >= source.length)
    problems.push({ start, end: start + 1, what: 'this [ is not closed; write \\[ for the bracket itself' });
  return { end: at + 1, problems };
}

function matchAt(pattern: RegExp, source: string, at: number, what: (text: string) => string): Problem | null {
  pattern.lastIndex = at;
  const match = pattern.exec(source);
  return match === null ? null : { start: at, end: at + match[0].length, what: what(match[0]) };
}

/** What JavaScript says of the expression, in words; null where it compiles. Without the `u` flag it reads most of what others read. */
function compileProblem(source: string): string | null {
  try {
    new RegExp(source);
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const reason = /: ([^:]*)$/.exec(message)?.[1] ?? 'it cannot be read';
    return `this is not a regular expression: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
  }
  if (
    [...source.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].some(([, from, to]) => Number(from) > 1000 || Number(to ?? 0) > 1000)
  ) {
    return 'RE2 repeats at most 1000 times; write a smaller number';
  }
  // PCRE and RE2 refuse a closing parenthesis too many and a quantifier with nothing before it, as JavaScript does.
  return /(?:^|[^\\])\{,\d+\}/.test(source) ? '{,n} means different things; write {0,n}' : null;
}
