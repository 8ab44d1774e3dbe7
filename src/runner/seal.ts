import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
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

/** What a value of ENV came of. */
export interface Computed {
  /** As the Layerfile has it; empty where it is the value itself. */
  readonly expression: string;
  /** The secrets in force. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What ENV set above. */
  readonly env: Readonly<Record<string, SealedText>>;
  /** Hides secrets, also where they are encoded. */
  readonly mask: (text: string) => string;
  /** The store's secret, hex. */
  readonly key: string;
}

/**
 * A value of ENV as it is kept. Where a secret stands in it as it is, its name is kept instead. Where one may be in it in another way (encoded, cut, or too
 * short to be told from the rest), all of it is encrypted.
 */
export function sealComputed(value: string, { expression, secrets, env, mask, key }: Computed): SealedText {
  const sealed = seal(value, secrets, expression);
  const rest = sealed.filter((part) => typeof part === 'string');
  const runs = /`|\$\(/.test(expression);
  const named = Object.entries(env).flatMap(
    ([name, text]) => Array(timesNamed(expression, name)).fill(text).flat() as SealedText,
  );
  const isUnclear = Object.entries(secrets).some(([name, secret]) => {
    if (secret === '') return false;
    const found = timesHeld(sealed, name);
    const due = timesNamed(expression, name) + timesHeld(named, name);
    const isShort = secret.length < shortestSealed;
    return found < due || (isShort && (found > due || (runs && rest.some((part) => part.includes(secret)))));
  });
  const isDerived = named.some((part) => typeof part !== 'string' && 'encrypted' in part);
  return isUnclear || isDerived || rest.some((part) => mask(part) !== part) ? [encrypt(value, key)] : sealed;
}

function timesHeld(text: SealedText, name: string): number {
  return text.filter((part) => typeof part !== 'string' && 'secret' in part && part.secret === name).length;
}

function timesNamed(expression: string, name: string): number {
  return [...expression.matchAll(/\$(?:(\w+)|\{[#!]?(\w+))/g)].filter(([, bare, braced]) => (bare ?? braced) === name)
    .length;
}

function split(text: string, name: string, value: string): SealedText {
  return text.split(value).flatMap((piece, index) => (index === 0 ? [piece] : [{ secret: name }, piece]));
}

/** Puts this run's secrets back; one that is not given is empty. `key`: the store's secret, hex. */
export function unseal(text: SealedText, secrets: Readonly<Record<string, string>>, key: string): string {
  return text
    .map((part) => {
      if (typeof part === 'string') return part;
      return 'secret' in part ? (secrets[part.secret] ?? '') : decrypt(part.encrypted, key);
    })
    .join('');
}

/** Whether a sealed text holds a secret, or may. */
export function holdsSecret(text: SealedText): boolean {
  return text.some((part) => typeof part !== 'string');
}

const nonceBytes = 12;
const tagBytes = 16;

/** AES-256-GCM under a key of its own, so that what is kept tells nothing without the store's secret: nonce, tag and text, base64. */
function encrypt(text: string, key: string): { readonly encrypted: string } {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', keyOf(key), nonce);
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return { encrypted: Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64') };
}

function decrypt(text: string, key: string): string {
  const bytes = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', keyOf(key), bytes.subarray(0, nonceBytes));
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString('utf8');
}

function keyOf(key: string): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.from(key, 'hex'), '', 'layer sealed text', 32));
}
