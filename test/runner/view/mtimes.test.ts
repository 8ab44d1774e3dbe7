import { expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { carryMtimes, namesGone, withoutFiles, type ShownMtimes } from '../../../src/runner/view/mtimes.ts';
import type { TreeEntry } from '../../../src/runner/view/tree.ts';

const path = 'a' as RepoPath;
const aMillisecond = 1n << 20n;
/** The run's start that a time follows: times of one run lie in the same millisecond. */
const startOf = (mtimeNs: bigint): bigint => mtimeNs - (mtimeNs % aMillisecond);
const started = 100n * aMillisecond;
const gone: ReadonlySet<string> = new Set();

test('a file keeps the newest time it had with this content; any other was written when the run started', () => {
  const shown = carryMtimes(
    [
      { a: ['one', '5'], b: ['one', '70'], c: ['one', '1'] },
      { a: ['one', '9'], c: ['two', '2'] },
    ],
    { startedNs: started, gone },
  );
  expect(shown(path, 'one')).toBe(9n);
  // One of two states was made of another content.
  expect(startOf(shown('c' as RepoPath, 'one'))).toBe(started);
  expect(startOf(shown('c' as RepoPath, 'two'))).toBe(started);
  expect(startOf(shown(path, 'three'))).toBe(started);
  // One of two states was made while it was not there.
  expect(startOf(shown('b' as RepoPath, 'one'))).toBe(started);
  expect(startOf(shown('constructor' as RepoPath, 'one'))).toBe(started);
});

test('a file that goes back to an older content looks new to make', () => {
  const run = (number: bigint): bigint => number * aMillisecond;
  const first = carryMtimes([], { startedNs: run(10n), gone })(path, 'one');
  const second = carryMtimes([{ a: ['one', String(first)] }], { startedNs: run(20n), gone })(path, 'two');
  const back = carryMtimes([{ a: ['two', String(second)] }], { startedNs: run(30n), gone })(path, 'one');
  expect([first, second, back].map(startOf)).toEqual([10n, 20n, 30n].map(run));
});

test('two files that are new in one run do not show the same time: a tool that goes by time and size may meet both at one place', () => {
  const shown = carryMtimes([], { startedNs: started, gone });
  const times = ['web/main.js', 'api/main.js'].flatMap((file) =>
    ['one', 'two'].map((digest) => shown(file as RepoPath, digest)),
  );
  expect(new Set(times).size).toBe(4);
  expect(times.map(startOf)).toEqual(Array(4).fill(started));
  expect(carryMtimes([], { startedNs: started, gone })('web/main.js' as RepoPath, 'one')).toBe(times[0]);
});

test('what may have lain below a file that is gone looks new', () => {
  const state: ShownMtimes = {
    'dir/a': ['two', '7'],
    'dir/d': ['two', '7'],
    'dir/e': ['directory', '0'],
    'dir/f': ['link x', '7'],
    ...{ a: ['one', '5'], b: ['one', '5'], 'd/c': ['one', '5'], e: ['one', '5'], f: ['one', '5'] },
  };
  const now: Readonly<Record<string, 'file' | 'link' | 'directory'>> = { 'dir/f': 'link', 'dir/d': 'directory' };
  const kindOf = (path: string) => now[path] ?? (path.startsWith('dir/') ? null : 'file');
  const tree = {
    entry: (path: RepoPath): TreeEntry | null => {
      const kind = kindOf(path);
      if (kind === null) return null;
      if (kind === 'link') return { kind, target: 'x' };
      return kind === 'directory' ? { kind } : { kind, executable: false, sizeBytes: 0 };
    },
  };
  const names = namesGone(tree, [state]);
  expect(names).toEqual(['a', 'd']);
  const shown = carryMtimes([state], { startedNs: started, gone: new Set(names) });
  const isNew = (one: string) => startOf(shown(one as RepoPath, 'one')) === started;
  expect(['a', 'b', 'd/c', 'e', 'f'].map(isNew)).toEqual([true, false, true, false, false]);
});

test('a file that was gone for a while looks new, and hides nothing any more', () => {
  const state = withoutFiles({ a: ['one', '5'], '': ['directory', '7'] });
  expect(state['']).toEqual(['directory', '7']);
  expect(startOf(carryMtimes([state], { startedNs: started, gone })(path, 'one'))).toBe(started);
  expect(namesGone({ entry: () => null }, [state])).toEqual([]);
});
