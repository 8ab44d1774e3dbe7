import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMask } from '../../../src/runner/input/mask.ts';

/** A text through a stream in pieces of a size. */
function inPieces(values: readonly string[], text: string | Uint8Array, size: number): string {
  const stream = createMask(values).stream();
  const bytes = Buffer.from(text as string);
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(Uint8Array.from(stream.push(bytes.subarray(at, at + size))));
  out.push(stream.end());
  return Buffer.concat(out).toString('latin1');
}

const secret = 'pa$$w0rd/with+odd "chars"&ünï';

describe('what shows a secret is masked', () => {
  const forms: Record<string, string> = {
    itself: secret,
    'in base64': Buffer.from(secret).toString('base64'),
    'in base64 for URLs': Buffer.from(secret).toString('base64url'),
    'in base64 within a longer text': Buffer.from(`user:${secret}`).toString('base64'),
    'in base64 within another longer text': Buffer.from(`me:x:${secret}!!`).toString('base64'),
    'in base64 over lines': (
      Buffer.from(secret)
        .toString('base64')
        .match(/.{1,16}/g) ?? []
    ).join('\n'),
    'in base64 over lines of a mail': (
      Buffer.from(secret)
        .toString('base64')
        .match(/.{1,7}/g) ?? []
    ).join('\r\n'),
    'URL-encoded': encodeURIComponent(secret),
    'URL-encoded in lower case': encodeURIComponent(secret).replace(/%../g, (hex) => hex.toLowerCase()),
    'in a form': new URLSearchParams({ x: secret }).toString().slice(2),
    'in JSON': JSON.stringify(secret).slice(1, -1),
  };
  test.each(Object.entries(forms))('%s', (_, form) => {
    for (const size of [1, 2, 3, 7, 1000]) {
      const shown = inPieces([secret], `before ${form} after ${form}.`, size);
      expect(shown).toMatch(
        /^before [A-Za-z0-9+/=]{0,8}\*\*\*[A-Za-z0-9+/=]{0,8} after [A-Za-z0-9+/=]{0,8}\*\*\*[A-Za-z0-9+/=]{0,8}\.$/,
      );
    }
  });

  test('as real tools print it', () => {
    const value = 'k'.repeat(40) + secret + 'z'.repeat(60);
    const env = { ...process.env, S: value };
    const wrapped = execFileSync('bash', ['-c', 'printf %s "$S" | base64; printf "u:%s" "$S" | base64 -w 64'], { env });
    const traced = execFileSync('bash', ['-c', 'exec 2>&1; set -x; true "it'.concat("'", 's $S"')], { env });
    for (const text of [wrapped, traced]) {
      const shown = inPieces([value, `it's ${value}`], text, 11);
      expect(shown).toContain('***');
      expect(shown).not.toMatch(/kkkk|a2tra|tra2|zzzz|enp6/);
    }
  });

  test('each line of a key, in any order', () => {
    const key = '-----BEGIN KEY-----\nMIIEow\r\nIBAAKC\n}\n-----END KEY-----\n';
    const shown = createMask([key]).text(`} IBAAKC; MIIEow\n${key}`);
    expect(shown).toBe('} ***; ***\n***');
  });

  test('one secret inside another, and two that overlap', () => {
    expect(createMask(['abcdef', 'cdef']).text('abcdef cdef abcd')).toBe('*** *** abcd');
    expect(createMask(['abcdef', 'efghij']).text('_abcdefghij_')).toBe('_***_');
    expect(createMask(['aaaa']).text('aaaaaaaaa')).toBe('***');
  });
});

test('what is no secret comes through unchanged, in any pieces', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 8 }), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 9 }),
      (values, bytes, size) => {
        const whole = inPieces(values, bytes, 1e9);
        expect(inPieces(values, bytes, size)).toBe(whole);
        if (!whole.includes('***')) expect(whole).toBe(Buffer.from(bytes).toString('latin1'));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a secret never shows, wherever and however often it stands', () => {
  const letters = fc.array(fc.constantFrom('a', 'b'), { minLength: 4, maxLength: 9 }).map((all) => all.join(''));
  fc.assert(
    fc.property(
      fc.array(letters, { minLength: 1, maxLength: 3 }),
      fc.array(fc.oneof(letters, fc.constantFrom('a', '-')), { maxLength: 20 }),
      fc.integer({ min: 1, max: 5 }),
      (values, parts, size) => {
        const shown = inPieces(values, parts.join(''), size);
        for (const value of values) expect(shown).not.toContain(value);
      },
    ),
    { numRuns: 1000 },
  );
});

test('short values and no values at all mask nothing', () => {
  expect(createMask(['', 'abc']).text('abc and so on')).toBe('abc and so on');
  expect(createMask([]).text('\ufffd text')).toBe('\ufffd text');
});

test('output that is no part of a secret is not held back', () => {
  const stream = createMask(['secret']).stream();
  expect(Buffer.from(stream.push(Buffer.from('Password? '))).toString()).toBe('Password? ');
  expect(Buffer.from(stream.push(Buffer.from('a s'))).toString()).toBe('a ');
  expect(Buffer.from(stream.push(Buffer.from('o'))).toString()).toBe('so');
});

test('twenty megabytes pass in reasonable time', () => {
  const chunk = Buffer.from(
    'npm http fetch GET 200 https://registry.npmjs.org/some-package 43ms (cache hit)\n'.repeat(800),
  );
  const stream = createMask([secret, 'ghp_0123456789abcdefghijklmnopqrstuvwxyz']).stream();
  const start = process.cpuUsage();
  for (let bytes = 0; bytes < 20 << 20; bytes += chunk.length) stream.push(chunk);
  expect(process.cpuUsage(start).user).toBeLessThan(8_000_000);
});
