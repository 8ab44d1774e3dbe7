import type { SealedText } from './state.ts';

/** A shorter value occurs by chance, and a text that only looks like it would change with the secret. */
const shortestSealed = 6;

/** Takes secrets out of a text: each occurrence becomes the secret's name. The longest are looked for first; those under 6 characters are left alone. */
export function seal(text: string, secrets: Readonly<Record<string, string>>): SealedText {
  const known = Object.entries(secrets)
    .filter(([, value]) => value.length >= shortestSealed)
    .sort(([, a], [, b]) => b.length - a.length);
  let parts: SealedText = [text];
  for (const [name, value] of known) {
    parts = parts.flatMap((part) => (typeof part === 'string' ? split(part, name, value) : [part]));
  }
  return parts.filter((part) => part !== '');
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
