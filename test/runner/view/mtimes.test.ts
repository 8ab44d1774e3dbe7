import { expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { carryMtimes } from '../../../src/runner/view/mtimes.ts';

const path = 'a' as RepoPath;
const aMillisecond = 1n << 20n;
/** The run's start that a time follows: times of one run lie in the same millisecond. */
const startOf = (mtimeNs: bigint): bigint => mtimeNs - (mtimeNs % aMillisecond);
const started = 100n * aMillisecond;

test('a file keeps the newest time it had with this content; any other was written when the run started', () => {
  const shown = carryMtimes(
    [{ a: ['one', '5'] }, { a: ['one', '9'] }, { b: ['one', '70'], c: ['one', '1'] }, { c: ['two', '2'] }],
    started,
  );
  expect(shown(path, 'one')).toBe(9n);
  // One of two states was made of another content.
  expect(startOf(shown('c' as RepoPath, 'one'))).toBe(started);
  expect(startOf(shown('c' as RepoPath, 'two'))).toBe(started);
  expect(startOf(shown(path, 'three'))).toBe(started);
  expect(startOf(shown('constructor' as RepoPath, 'one'))).toBe(started);
});

test('a file that goes back to an older content looks new to make', () => {
  const run = (number: bigint): bigint => number * aMillisecond;
  const first = carryMtimes([], run(10n))(path, 'one');
  const second = carryMtimes([{ a: ['one', String(first)] }], run(20n))(path, 'two');
  const back = carryMtimes([{ a: ['two', String(second)] }], run(30n))(path, 'one');
  expect([first, second, back].map(startOf)).toEqual([10n, 20n, 30n].map(run));
});

test('two files that are new in one run do not show the same time: a tool that goes by time and size may meet both at one place', () => {
  const shown = carryMtimes([], started);
  const times = ['web/main.js', 'api/main.js'].flatMap((file) =>
    ['one', 'two'].map((digest) => shown(file as RepoPath, digest)),
  );
  expect(new Set(times).size).toBe(4);
  expect(times.map(startOf)).toEqual(Array(4).fill(started));
  expect(carryMtimes([], started)('web/main.js' as RepoPath, 'one')).toBe(times[0]);
});
