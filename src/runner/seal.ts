import type { SealedText } from './state.ts';

/** A shorter value occurs by chance, and a text that only looks like it would change with the secret. */
const shortestSealed = 6;

/**
 * Takes secrets out of a text: each occurrence becomes the secret's name. The longest are looked for first; those under 6 characters only where
 * `expression`, which the text came of, names them.
 */
export function seal(text: string, secrets: Readonly<Record<string, string>>, expression = ''): SealedText {
  const known = Object.entries(secrets)
    .filter(([name, value]) => value.length >= shortestSealed || (value !== '' && timesNamed(expression, name) > 0))
    .sort(([, a], [, b]) => b.length - a.length);
  let parts: SealedText = [text];
  for (const [name, value] of known) {
    parts = parts.flatMap((part) => (typeof part === 'string' ? split(part, name, value) : [part]));
  }
  return parts.filter((part) => part !== '');
}

/** A short secret that occurs more often in a sealed text than its expression names it: there is no telling which is which. Null where there is none. */
export function unclearSecret(
  sealed: SealedText,
  secrets: Readonly<Record<string, string>>,
  expression: string,
): string | null {
  const short = Object.entries(secrets).filter(([, value]) => value.length < shortestSealed);
  const found = (name: string): number =>
    sealed.filter((part) => typeof part !== 'string' && part.secret === name).length;
  return short.find(([name]) => found(name) > timesNamed(expression, name))?.[0] ?? null;
}

function timesNamed(expression: string, name: string): number {
  return [...expression.matchAll(/\$(?:(\w+)|\{[#!]?(\w+))/g)].filter(([, bare, braced]) => (bare ?? braced) === name)
    .length;
}

function split(text: string, name: string, value: string): SealedText {
  return text.split(value).flatMap((piece, index) => (index === 0 ? [piece] : [{ secret: name }, piece]));
}

/** Puts this run's secrets back; one that is not given is empty. */
export function unseal(text: SealedText, secrets: Readonly<Record<string, string>>): string {
  return text.map((part) => (typeof part === 'string' ? part : (secrets[part.secret] ?? ''))).join('');
}

/** Whether a sealed text holds a secret. */
export function holdsSecret(text: SealedText): boolean {
  return text.some((part) => typeof part !== 'string');
}
