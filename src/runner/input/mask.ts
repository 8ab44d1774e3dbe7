import { Buffer } from 'node:buffer';
import { compilePatterns, createMatcher } from './matcher.ts';
import type { Matcher, Patterns } from './matcher.ts';
import { maskedFromLength } from './secrets.ts';

/** Keeps the values of secrets out of everything that is shown or kept. */
export interface Mask {
  /** For one stream of output; what may be the start of a secret is held back until more has come. */
  stream(): MaskedStream;
  /** A whole text, masked. */
  text(text: string): string;
}

export interface MaskedStream {
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back. */
  end(): Uint8Array;
}

const stars = Buffer.from('***');
/** A form this short appears by chance. */
const shortestForm = 6;

/**
 * Masks values of at least four characters, each line of them that is as long, and how tools print them: in base64 (also inside a longer text, of
 * either alphabet, and broken into lines anywhere), URL-encoded, as JSON, and as bash's `set -x` quotes them.
 */
export function createMask(values: Iterable<string>): Mask {
  const plain: Buffer[] = [];
  const encoded: Buffer[] = [];
  for (const value of values) {
    if (value.length < maskedFromLength) continue;
    const lines = value.split(/\r?\n/).map((line) => line.trim());
    for (const text of new Set([value, value.trim(), ...lines])) {
      if (text.length < maskedFromLength) continue;
      plain.push(...plainForms(text).map((form) => Buffer.from(form)));
      encoded.push(...base64Forms(Buffer.from(text)));
    }
  }
  const patterns = { plain: compilePatterns(plain), encoded: compilePatterns(encoded) };
  return {
    stream: () => createStream(patterns),
    text(text) {
      const stream = createStream(patterns);
      return Buffer.concat([stream.push(Buffer.from(text)), stream.end()]).toString();
    },
  };
}

function plainForms(text: string): readonly string[] {
  const url = encodeURIComponent(text.toWellFormed());
  const strict = url.replace(/[!'()*~]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = strict.replaceAll('%20', '+');
  const lower = (one: string) => one.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
  const forms = [
    ...[url, strict, form].flatMap((one) => [one, lower(one)]),
    JSON.stringify(text).slice(1, -1),
    text.replaceAll("'", "'\\''"),
  ];
  return [...new Set([text, ...forms])];
}

/** base64 of the bytes alone, and what of it stays the same at each place in a longer text. */
function base64Forms(bytes: Buffer): readonly Buffer[] {
  const whole = bytes.toString('base64');
  const inside = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first characters depend on what stands before, the last one on what comes after.
    const start = shift === 0 ? 0 : shift + 1;
    const end = Math.floor(((shift + bytes.length) * 8) / 6);
    return text.slice(start, end);
  });
  const forms = [whole, whole.replace(/=+$/, ''), ...inside].filter((form) => form.length >= shortestForm);
  const both = forms.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
  return [...new Set(both)].map((form) => Buffer.from(form, 'latin1'));
}

/** Two matchers look at each byte; the one for base64 does not see line ends, so that lines may break anywhere. */
function createStream(patterns: { readonly plain: Patterns; readonly encoded: Patterns }): MaskedStream {
  const matchers: readonly Matcher[] = [
    createMatcher(patterns.plain, { skipLineEnds: false }),
    createMatcher(patterns.encoded, { skipLineEnds: true }),
  ];
  let held: Buffer = Buffer.alloc(0);
  /** Where `held` starts in the stream. */
  let heldAt = 0;
  /** Spans of the stream to be masked, that end after `heldAt`; sorted by start, apart from each other. */
  let spans: { start: number; end: number }[] = [];
  /** A span whose stars are out already. */
  let starred = -1;

  const emit = (until: number): Uint8Array => {
    const out: Buffer[] = [];
    let at = heldAt;
    for (const span of spans) {
      if (span.start >= until) break;
      if (span.start > at) out.push(held.subarray(at - heldAt, span.start - heldAt));
      if (span.start > starred) out.push(stars);
      starred = Math.max(starred, span.end);
      at = Math.max(at, Math.min(span.end, until));
    }
    if (at < until) out.push(held.subarray(at - heldAt, until - heldAt));
    held = held.subarray(until - heldAt);
    heldAt = until;
    spans = spans.filter((span) => span.end > until);
    return out.length === 1 ? (out[0] ?? Buffer.alloc(0)) : Buffer.concat(out);
  };

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const found = matchers.flatMap((matcher) => matcher.feed(bytes));
      held = held.length === 0 ? Buffer.from(bytes) : Buffer.concat([held, bytes]);
      if (found.length > 0) spans = joined([...spans, ...found]);
      return emit(Math.min(...matchers.map((matcher) => matcher.open())));
    },
    end: () => emit(heldAt + held.length),
  };
}

function joined(spans: readonly { start: number; end: number }[]): { start: number; end: number }[] {
  const result: { start: number; end: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last !== undefined && span.start <= last.end) last.end = Math.max(last.end, span.end);
    else result.push({ ...span });
  }
  return result;
}
