import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compilePatterns, createMatcher } from '../../../src/runner/input/matcher.ts';

const letters = fc
  .array(fc.constantFrom(97, 98, 10), { minLength: 1, maxLength: 5 })
  .map((bytes) => Uint8Array.from(bytes));
const stream = fc.array(fc.constantFrom(97, 98, 10, 13), { maxLength: 40 }).map((bytes) => Uint8Array.from(bytes));

/** For each end the longest pattern there, by trying every one at every place. */
function naive(patterns: readonly Uint8Array[], bytes: Uint8Array): string[] {
  const found: string[] = [];
  for (let end = 1; end <= bytes.length; end += 1) {
    const lengths = patterns
      .filter(
        (pattern) => pattern.length <= end && Buffer.from(pattern).equals(bytes.subarray(end - pattern.length, end)),
      )
      .map((pattern) => pattern.length);
    if (lengths.length > 0) found.push(`${end - Math.max(...lengths)}-${end}`);
  }
  return found;
}

test('every pattern is found wherever it ends, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), stream, fc.array(fc.nat({ max: 40 })), (patterns, bytes, cuts) => {
      const matcher = createMatcher(compilePatterns(patterns), { skipLineEnds: false });
      const at = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b);
      const found = at.slice(1).flatMap((end, index) => matcher.feed(bytes.subarray(at[index], end)));
      expect(found.map(({ start, end }) => `${start}-${end}`)).toEqual(naive(patterns, bytes));
    }),
    { numRuns: 2000 },
  );
});

test('nothing that is found later starts before what is open now', () => {
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), stream, fc.boolean(), (patterns, bytes, skipLineEnds) => {
      const matcher = createMatcher(compilePatterns(patterns), { skipLineEnds });
      let open = 0;
      for (let index = 0; index < bytes.length; index += 1) {
        for (const { start } of matcher.feed(bytes.subarray(index, index + 1)))
          expect(start).toBeGreaterThanOrEqual(open);
        expect(matcher.open()).toBeGreaterThanOrEqual(open);
        open = matcher.open();
      }
    }),
    { numRuns: 2000 },
  );
});

test('line ends may be looked over, and belong to what is found', () => {
  const matcher = createMatcher(compilePatterns([Buffer.from('abab')]), { skipLineEnds: true });
  expect(matcher.feed(Buffer.from('xa\r'))).toEqual([]);
  expect(matcher.open()).toBe(1);
  expect(matcher.feed(Buffer.from('\nba\nb'))).toEqual([{ start: 1, end: 8 }]);
});
