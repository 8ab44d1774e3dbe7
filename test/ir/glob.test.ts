import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RepoPath } from '../../src/host.ts';
import { escapeGlob, expandGlob, globCovers, isNeverCopied, matchGlob, parseGlob } from '../../src/ir/glob.ts';
import { MemoryRepo } from '../support/memory-repo.ts';

const path = (text: string): RepoPath => text as RepoPath;

describe('matchGlob', () => {
  it.each([
    ['*.ts', 'a.ts', true],
    ['*.ts', '.hidden.ts', true],
    ['*.ts', 'a.tsx', false],
    ['*.ts', 'src/a.ts', false],
    ['src/*', 'src/a', true],
    ['src/*', 'src', false],
    ['src/*', 'src/a/b', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['a?c', 'a😀c', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[^a-c]x', 'dx', true],
    ['[]a]x', ']x', true],
    ['[a-]x', '-x', true],
    ['[z-a]x', '[z-a]x', true],
    ['[ax', '[ax', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\*?', 'a*b', true],
    ['**', 'a', true],
    ['**', 'a/b/c', true],
    ['**/x', 'x', true],
    ['**/x', 'a/b/x', true],
    ['a/**/x', 'a/x', true],
    ['a/**/x', 'a/b/c/x', true],
    ['a/**/x', 'b/x', false],
    ['a/**', 'a', false],
    ['a/**', 'a/b/c', true],
    ['a**b', 'axxb', true],
    ['**/**/x', 'a/x', true],
    ['*', '.git', false],
    ['*', '.layer', false],
    ['**/config', '.git/config', false],
    ['.git/*', '.git/config', true],
    ['(a)+', '(a)+', true],
  ])('%s and %s: %s', (pattern, name, expected) => {
    expect(matchGlob(parseGlob(path(pattern)), path(name))).toBe(expected);
  });

  it('takes what lies in a directory that matches', () => {
    expect(globCovers(parseGlob(path('src/*')), path('src/a/b/c'))).toBe(true);
    expect(globCovers(parseGlob(path('src/*')), path('srcs/a'))).toBe(false);
    expect(globCovers(parseGlob(path('src')), path('src/a'))).toBe(true);
  });

  it('is not slow on patterns that make regular expressions slow', () => {
    const started = process.cpuUsage();
    expect(matchGlob(parseGlob(path('**/'.repeat(200) + 'b')), path('a/'.repeat(200) + 'c'))).toBe(false);
    expect(matchGlob(parseGlob(path(`${'*'.repeat(50)}b`)), path('a'.repeat(2000)))).toBe(false);
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000);
  });
});

describe('expandGlob', () => {
  const names = [
    'a.ts',
    'b.js',
    'src/a.ts',
    'src/deep/b.ts',
    'src/deep/c.js',
    '.env',
    '.git/HEAD',
    '.layer/x',
    'lib/.git',
  ];
  const repo = new MemoryRepo(Object.fromEntries(names.map((name) => [name, ''])));
  const list = (directory: RepoPath) =>
    repo.list(directory)?.map(({ name, kind }) => ({ name, directory: kind === 'directory' })) ?? null;
  const expand = (pattern: string): readonly string[] => expandGlob(parseGlob(path(pattern)), list);

  it('finds files and directories, sorted, each once', () => {
    expect(expand('*')).toEqual(['.env', 'a.ts', 'b.js', 'lib', 'src']);
    expect(expand('**/*.ts')).toEqual(['a.ts', 'src/a.ts', 'src/deep/b.ts']);
    expect(expand('src/**')).toEqual(['src/a.ts', 'src/deep', 'src/deep/b.ts', 'src/deep/c.js']);
    expect(expand('**/**/b.*')).toEqual(['b.js', 'src/deep/b.ts']);
    expect(expand('*/deep/[bc].js')).toEqual(['src/deep/c.js']);
    expect(expand('.git/*')).toEqual(['.git/HEAD']);
    expect(expand('nothing/*')).toEqual([]);
  });

  it('looks only where a match can be', () => {
    const before = repo.asked.list;
    expand('src/*.ts');
    expect(repo.asked.list - before).toBe(1);
  });

  it('finds what matchGlob matches', () => {
    const all = ['a.ts', 'b.js', 'src', 'src/a.ts', 'src/deep', 'src/deep/b.ts', 'src/deep/c.js', '.env', 'lib'];
    const piece = fc.constantFrom('*', '**', '?', 'src', 'deep', '*.ts', '[a-c]*', 'a.ts', '.env');
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (pieces) => {
        const pattern = parseGlob(path(pieces.join('/')));
        expect(expandGlob(pattern, list)).toEqual(all.filter((one) => matchGlob(pattern, path(one))).sort());
      }),
    );
  });
});

describe('escapeGlob', () => {
  it('makes any name match itself alone', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[^/\0]+$/), (name) => {
        fc.pre(name !== '.git' && name !== '.layer');
        expect(matchGlob(parseGlob(path(escapeGlob(name))), path(name))).toBe(true);
        expect(matchGlob(parseGlob(path(escapeGlob(name))), path(`${name}x`))).toBe(false);
      }),
    );
  });
});

describe('isNeverCopied', () => {
  it('knows git and its own directory', () => {
    expect(['.git', 'a/.git/x', '.layer', '.layer/x'].map((one) => isNeverCopied(path(one)))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(['a/.layer', '.gitignore', '.layerignore'].map((one) => isNeverCopied(path(one)))).toEqual([
      false,
      false,
      false,
    ]);
  });
});
