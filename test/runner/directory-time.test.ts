import { expect, test } from 'vitest';
import { directorySeconds, freshNs, laterSeconds, withDirectorySeconds } from '../../src/runner/directory-time.ts';

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

test('directories show a time after all that states hold, and a later one where something is laid into them', () => {
  const table = withDirectorySeconds({ repository: { a: ['1', '2'] } }, 20);
  expect(directorySeconds([], 10_900)).toBe(11);
  expect(directorySeconds([table, {}], 10_900)).toBe(21);
  expect(directorySeconds([table], 30_000)).toBe(31);
  expect([laterSeconds(20, 10_900), laterSeconds(20, 30_900)]).toEqual([21, 31]);
});
