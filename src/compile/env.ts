import { type Scope, homeOf } from '../ir/walk.ts';

/**
 * What bash would assign for the text behind `NAME=`, where that is certain without running it; null where it is not.
 * Quotes, backslashes, variables whose value is static, and `~` of root. See bash(1), QUOTING and Tilde Expansion.
 */
export function evaluateAssignment(value: string, scope: Scope): string | null {
  if (!/['"\\`$~]/.test(value)) return value;
  let result = '';
  let at = 0;
  let tilde = true;
  while (at < value.length) {
    const character = value[at] ?? '';
    if (character === '~' && tilde) {
      const home = /[/:]/.test(value[at + 1] ?? '/') && !scope.variables.has('HOME') ? homeOf(scope) : null;
      if (home === null) return null;
      result += home;
      at += 1;
    } else if (character === "'") {
      const end = value.indexOf("'", at + 1);
      if (end < 0) return null;
      result += value.slice(at + 1, end);
      at = end + 1;
    } else if (character === '"') {
      const quoted = evaluateDoubleQuotes(value, at + 1, scope);
      if (quoted === null) return null;
      result += quoted.text;
      at = quoted.end;
    } else if (character === '\\') {
      result += value[at + 1] ?? '';
      at += 2;
    } else if (character === '`') return null;
    else if (character === '$') {
      const expanded = evaluateDollar(value, at, scope);
      if (expanded === null) return null;
      result += expanded.text;
      at = expanded.end;
    } else {
      result += character;
      at += 1;
    }
    tilde = character === ':';
  }
  return result;
}

interface Evaluated {
  readonly text: string;
  readonly end: number;
}

function evaluateDoubleQuotes(value: string, at: number, scope: Scope): Evaluated | null {
  let text = '';
  while (at < value.length) {
    const character = value[at] ?? '';
    if (character === '"') return { text, end: at + 1 };
    if (character === '`') return null;
    if (character === '\\') {
      const next = value[at + 1] ?? '';
      text += /[$`"\\]/.test(next) ? next : `\\${next}`;
      at += 2;
    } else if (character === '$') {
      const expanded = evaluateDollar(value, at, scope);
      if (expanded === null) return null;
      text += expanded.text;
      at = expanded.end;
    } else {
      text += character;
      at += 1;
    }
  }
  return null;
}

function evaluateDollar(value: string, at: number, scope: Scope): Evaluated | null {
  const match = /\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})/y;
  match.lastIndex = at;
  const found = match.exec(value);
  if (found === null) {
    const next = value[at + 1];
    return next === undefined || /[\s.,/:%+=~^\]}]/.test(next) ? { text: '$', end: at + 1 } : null;
  }
  const name = found[1] ?? found[2] ?? '';
  const set = scope.variables.get(name);
  const text = name === 'HOME' && set === undefined ? homeOf(scope) : (set?.literal ?? null);
  return text === null ? null : { text, end: match.lastIndex };
}

/**
 * The text behind `NAME=` as bash must be given it: characters that would end the assignment (`&` in an URL) get a backslash, because
 * ENV takes them as text. What is quoted or substituted stays.
 */
export function escapeOperators(value: string): string {
  if (!/[;&|<>()]/.test(value)) return value;
  let result = '';
  let at = 0;
  while (at < value.length) {
    const piece = /'[^']*'?|"(?:[^"\\]|\\.)*"?|\\.?|`(?:[^`\\]|\\.)*`?|\$\(|\$\{[^}]*\}?|[\s\S]/y;
    piece.lastIndex = at;
    const text = piece.exec(value)?.[0] ?? '';
    if (text === '$(') {
      const end = substitutionEnd(value, at + 2);
      result += value.slice(at, end);
      at = end;
    } else {
      result += /^[;&|<>()]$/.test(text) ? `\\${text}` : text;
      at += text.length;
    }
  }
  return result;
}

/** The offset behind the `)` that closes a substitution whose inside begins at `at`. */
function substitutionEnd(value: string, at: number): number {
  let depth = 1;
  const piece = /'[^']*'?|"(?:[^"\\]|\\.)*"?|\\.?|[\s\S]/y;
  while (at < value.length && depth > 0) {
    piece.lastIndex = at;
    const text = piece.exec(value)?.[0] ?? value.slice(at, at + 1);
    if (text === '(') depth += 1;
    if (text === ')') depth -= 1;
    at += Math.max(1, text.length);
  }
  return at;
}
