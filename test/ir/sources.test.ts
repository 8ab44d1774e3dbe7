import { describe, expect, it } from 'vitest';
import type { RepoPath } from '../../src/host.ts';
import { directoryOf, isWithin, joinPath, resolveSource } from '../../src/ir/sources.ts';

const path = (text: string): RepoPath => text as RepoPath;

describe('resolveSource', () => {
  it.each([
    ['', '.', ''],
    ['', '/', ''],
    ['web', '.', 'web'],
    ['web', './', 'web'],
    ['web/tests', '..', 'web'],
    ['web/tests', '../..', ''],
    ['web', '../web/./a//b/', 'web/a/b'],
    ['web', '/a/../b', 'b'],
    ['web', 'a*/**/x', 'web/a*/**/x'],
  ])('%j + %j = %j', (from, text, expected) => {
    expect(resolveSource(path(from), text)).toEqual({ path: expected });
  });

  it.each([
    ['', '..'],
    ['', '../x'],
    ['web', '../..'],
    ['web', '/..'],
    ['web', 'a/../../../web'],
  ])('%j + %j leaves the repository', (from, text) => {
    expect(resolveSource(path(from), text)).toBe('outside');
  });
});

describe('paths', () => {
  it('knows directories, joins and containment', () => {
    expect(directoryOf(path('Layerfile'))).toBe('');
    expect(directoryOf(path('a/b/Layerfile'))).toBe('a/b');
    expect(joinPath(path(''), 'a')).toBe('a');
    expect(joinPath(path('a'), 'b')).toBe('a/b');
    expect(isWithin(path(''), path('a'))).toBe(true);
    expect(isWithin(path('a'), path('a'))).toBe(true);
    expect(isWithin(path('a'), path('a/b'))).toBe(true);
    expect(isWithin(path('a'), path('ab'))).toBe(false);
  });
});
