import fc from 'fast-check';
import { expect, it } from 'vitest';
import { choosePruning, tiers, totalBytes, type Held, type Holdings, type Side } from '../../src/runner/retention.ts';

const held = (id: string, change: Partial<Held> = {}): Held => ({
  ...{ kind: 'snapshot', id, repository: 'r', layer: 'web', title: `RUN ${id}`, tier: 'newest', pin: null },
  ...{ tainted: false, usedAt: 0, paths: [id] },
  ...change,
});
const side = (path: string, change: Partial<Side> = {}): Side => ({
  ...{ kind: 'mirror', path, bytes: 10, usedAt: 0, spare: true },
  ...change,
});
const holdings = (all: readonly Held[], sides: readonly Side[] = []): Holdings => ({
  held: all,
  bytes: new Map(all.flatMap((one) => one.paths).map((path) => [path, 10])),
  ...{ sides, rows: 0, roots: new Map(), others: 0 },
});
const keep = (keepBytes: number) => ({ keepBytes, usedBefore: null });
const ids = (all: readonly Held[]): readonly string[] => all.map((one) => one.id).sort();

it('takes nothing from a store that is small enough', () => {
  const { removal, afterBytes } = choosePruning(holdings([held('a'), held('b')], [side('m')]), keep(30));
  expect(removal).toEqual({ held: [], forgotten: [], sides: [] });
  expect(afterBytes).toBe(30);
});

it('takes what can be made again first, then what a newer state replaced, then the least recently used; pins never', () => {
  const all = [
    held('pin', { tier: 'pinned', pin: 'release', usedAt: 0 }),
    held('shown', { tier: 'preview', usedAt: 1 }),
    held('lately', { usedAt: 9 }),
    held('long ago', { usedAt: 2 }),
    held('replaced', { tier: 'superseded', usedAt: 20 }),
  ];
  const sides = [side('mirror'), side('base in use', { kind: 'base', spare: false })];
  const gone = (bytes: number) => {
    const { removal } = choosePruning(holdings(all, sides), keep(bytes));
    return [...removal.sides.map((one) => one.path), ...ids(removal.held)];
  };
  expect(gone(69)).toEqual(['mirror']);
  expect(gone(50)).toEqual(['mirror', 'replaced']);
  expect(gone(40)).toEqual(['mirror', 'long ago', 'replaced']);
  expect(gone(30)).toEqual(['mirror', 'lately', 'long ago', 'replaced']);
  expect(gone(0)).toEqual(['mirror', 'lately', 'long ago', 'replaced', 'shown']);
  expect(choosePruning(holdings(all, sides), keep(0)).afterBytes).toBe(20);
});

it('takes the deepest states of a chain first, and leaves what would free nothing', () => {
  const chain = [held('1', { paths: ['a'] }), held('2', { paths: ['a'] }), held('3', { paths: ['a', 'b'] })];
  const { removal, afterBytes } = choosePruning(holdings(chain), keep(10));
  expect(ids(removal.held)).toEqual(['3']);
  expect(afterBytes).toBe(10);
});

it('forgets what was not used since a day, whatever its size, but no pin', () => {
  const all = [held('old', { usedAt: 1 }), held('young', { usedAt: 5 }), held('pin', { tier: 'pinned', usedAt: 1 })];
  const { removal } = choosePruning(holdings(all, [side('stats', { usedAt: 4 }), side('mirror', { usedAt: 1 })]), {
    keepBytes: null,
    usedBefore: 4,
  });
  expect(ids(removal.held)).toEqual(['old']);
  expect(removal.forgotten).toEqual(['old']);
  expect(removal.sides.map((one) => one.path)).toEqual(['mirror']);
});

it('says truly what is left, never takes more than it must of what frees something, and never a pin', () => {
  const aHeld = fc.record({
    tier: fc.constantFrom(...tiers),
    usedAt: fc.integer({ min: 0, max: 5 }),
    paths: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 0, maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(aHeld, { maxLength: 8 }), fc.integer({ min: 0, max: 60 }), (list, keepBytes) => {
      const all = list.map((one, index) => held(String(index), one));
      const whole = holdings(all);
      const { removal, afterBytes } = choosePruning(whole, keep(keepBytes));
      const gone = new Set(removal.held);
      const after = holdings(all.filter((one) => !gone.has(one)));
      expect(totalBytes(after)).toBe(afterBytes);
      expect(removal.held.every((one) => one.tier !== 'pinned')).toBe(true);
      const pinned = new Set(all.filter((one) => one.tier === 'pinned').flatMap((one) => one.paths));
      const left = all.filter((one) => !gone.has(one)).flatMap((one) => one.paths);
      if (afterBytes > keepBytes) expect(left.filter((path) => !pinned.has(path))).toEqual([]);
    }),
  );
});
