import { expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { carryMtimes } from '../../../src/runner/view/mtimes.ts';

const path = 'a' as RepoPath;

test('a file keeps the newest time it had with this content; any other was written when the run started', () => {
  const shown = carryMtimes(
    [{ a: ['one', '5'] }, { a: ['one', '9'] }, { b: ['one', '70'], c: ['one', '1'] }, { c: ['two', '2'] }],
    100n,
  );
  expect(shown(path, 'one')).toBe(9n);
  // One of two states was made of another content.
  expect(shown('c' as RepoPath, 'one')).toBe(100n);
  expect(shown('c' as RepoPath, 'two')).toBe(100n);
  expect(shown(path, 'three')).toBe(100n);
  expect(shown('constructor' as RepoPath, 'one')).toBe(100n);
});

test('a file that goes back to an older content looks new to make', () => {
  const first = carryMtimes([], 10n)(path, 'one');
  const second = carryMtimes([{ a: ['one', String(first)] }], 20n)(path, 'two');
  const back = carryMtimes([{ a: ['two', String(second)] }], 30n)(path, 'one');
  expect([first, second, back]).toEqual([10n, 20n, 30n]);
});
