import { describe, expect, test } from 'vitest';
import type { GuestPath, RepoPath } from '../../src/host.ts';
import { brokenPaths, brokenRead, namedReason, sourceOf } from '../../src/runner/reads.ts';
import { packObservations, unpackObservations } from '../../src/runner/packed-observations.ts';
import { fingerprint } from '../../src/runner/view/fingerprint.ts';
import { openView } from '../../src/runner/view/open.ts';
import type { Observation, ObservationKind, ViewSpec } from '../../src/runner/view/view.ts';
import { memoryTree, type MemoryFiles } from './view/memory-tree.ts';

const spec: ViewSpec = {
  ordinal: 0,
  tree: 'repository',
  sources: [{ path: 'web' as RepoPath, glob: false }],
  destination: '/app' as GuestPath,
  placement: 'as',
  ancestors: [],
};
const before: MemoryFiles = { 'web/a.ts': '1', 'web/link': { link: 'a.ts' }, 'web/sub/b': '2', other: '3' };
const viewOf = (files: MemoryFiles) => openView(spec, memoryTree(files));
const see = (path: string, kind: ObservationKind): Observation => ({
  view: 0,
  path: path as GuestPath,
  kind,
  fingerprint: fingerprint(viewOf(before), path as GuestPath, kind),
});
const { 'web/a.ts': _gone, ...withoutA } = before;

describe('a read that no longer holds', () => {
  test.each<[string, Observation, MemoryFiles]>([
    ['web/a.ts changed', see('/app/a.ts', 'content'), { ...before, 'web/a.ts': '9' }],
    ['web/a.ts is gone', see('/app/a.ts', 'content'), withoutA],
    ['web/a.ts is now a directory', see('/app/a.ts', 'content'), { ...withoutA, 'web/a.ts/x': '' }],
    ['web/a.ts changed its kind or mode', see('/app/a.ts', 'entry'), { ...before, 'web/a.ts': { executable: '1' } }],
    ['web/a.ts changed', see('/app/a.ts', 'attributes'), { ...before, 'web/a.ts': '123' }],
    ['web/.env appeared', see('/app/.env', 'absent'), { ...before, 'web/.env': '' }],
    ['web/sub/ (listing) changed', see('/app/sub', 'listing'), { ...before, 'web/sub/c': '' }],
    ['web/link points elsewhere', see('/app/link', 'link'), { ...before, 'web/link': { link: 'sub/b' } }],
    ['web/link is now a file', see('/app/link', 'link'), { ...before, 'web/link': 'x' }],
  ])('%s', (reason, observation, files) => {
    expect(brokenRead([observation], [viewOf(before)])).toBe(null);
    expect(brokenRead([observation], [viewOf(files)])?.reason).toBe(reason);
  });

  test.each<[ObservationKind, MemoryFiles]>([
    ['entry', { ...before, 'web/a.ts': '999' }],
    ['attributes', { ...before, 'web/a.ts': '9' }],
    ['content', { ...before, 'web/a.ts': { executable: '1' } }],
  ])('is not one of %s where another fact changed', (kind, files) => {
    expect(brokenRead([see('/app/a.ts', kind)], [viewOf(files)])).toBe(null);
  });

  test('is one of a view that is no longer there', () => {
    expect(brokenRead([see('/app/a.ts', 'content')], [])?.reason).toBe('/app/a.ts is no longer copied');
  });
});

test('what came, went or changed itself is named rather than the listing that stands before it', () => {
  const seen = [
    see('/app', 'listing'),
    see('/app/.env', 'absent'),
    see('/app/a.ts', 'content'),
    see('/app/a.ts', 'entry'),
  ];
  const reason = (files: MemoryFiles): string | null => namedReason(seen, [viewOf(files)]);
  expect(reason({ ...before, 'web/.env': '' })).toBe('web/.env appeared');
  expect(reason(withoutA)).toBe('web/a.ts is gone');
  expect(reason({ ...before, 'web/new': '' })).toBeNull();
  const broken = (files: MemoryFiles, most: number) => brokenPaths(seen, { views: [viewOf(files)], most });
  expect([broken(before, 9), broken(withoutA, 9), broken({ ...withoutA, 'web/.env': '' }, 9)]).toEqual([0, 2, 3]);
  expect(broken({ ...withoutA, 'web/.env': '' }, 1)).toBe(2);
});

test('paths in a machine are told as paths of the repository', () => {
  const into: ViewSpec = {
    ...spec,
    placement: 'into',
    sources: [
      { path: 'pkg/x' as RepoPath, glob: false },
      { path: 'src/*.c' as RepoPath, glob: true },
    ],
  };
  const paths = ['/app/x/y', '/app/main.c', '/elsewhere'].map((path) => sourceOf(into, path as GuestPath));
  expect(paths).toEqual(['pkg/x/y', 'src/main.c', null]);
});

test('observations are packed whole, sorted, and come back', () => {
  const all = [
    see('/app/sub', 'listing'),
    see('/app/a.ts', 'content'),
    see('/app/a.ts', 'entry'),
    see('/app/\udc80\n"', 'absent'),
  ];
  const packed = packObservations(all);
  expect(packObservations([...all].reverse())).toBe(packed);
  expect(new Set(unpackObservations(packed))).toEqual(new Set(all));
});
