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
