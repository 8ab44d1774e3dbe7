import { expect, test } from 'vitest';
import { freshNs } from '../../src/runner/directory-time.ts';

const second = 1_000_000_000n;

test('what is new in a run is so since it began', () => {
  expect(freshNs(10n * second + 5n, [])).toBe(10n * second + 5n);
  expect(freshNs(10n * second + 5n, [9_999, 0])).toBe(10n * second + 5n);
});

test('what is new is newer than what another run has saved since this one began, or in the same second, or by a clock that is ahead', () => {
  expect(freshNs(10n * second + 5n, [10_900])).toBe(11n * second);
  expect(freshNs(10n * second + 500_000_000n, [10_100])).toBe(11n * second);
  expect(freshNs(10n * second + 5n, [9_000, 70_000.5])).toBe(71n * second);
});
