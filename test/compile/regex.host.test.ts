import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkRegex } from '../../src/compile/regex.ts';
import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';

/** What is found wrong with an expression. */
function problems(source: string): readonly string[] {
  const found: Diagnostic[] = [];
  const span = { file: { path: 'Layerfile', text: source }, start: 0, end: source.length };
  const parts = [{ quote: 'single', text: source, span }] as const;
  checkRegex({ value: source, parts, span }, (one) => found.push(one));
  return found.map(({ message }) => message);
}

const subjects = ['', 'main', 'feat/a-b', 'a', 'aa', 'ab.c', 'x{2}', '[a]', '3.14', 'A_b', 'a b', '-', '^$', '\\'];

/** Which subjects an expression matches, after PCRE; null where PCRE refuses it. */
function pcre(source: string): readonly string[] | null {
  const { status, stdout } = spawnSync('grep', ['-P', '-a', '-e', source], {
    input: `${subjects.join('\n')}\n`,
    encoding: 'utf8',
  });
  return status === 2 ? null : stdout.split('\n').slice(0, -1);
}

describe('checkRegex', () => {
  it('lets through only what PCRE reads as JavaScript does', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        'b',
        '.',
        '-',
        '/',
        ' ',
        '^',
        '$',
        '|',
        '(',
        ')',
        '(?:',
        '*',
        '+',
        '?',
        '{2}',
        '{1,2}',
        '{,2}',
        '{',
        '}',
        '[',
        ']',
        '[^',
      ],
      ...[
        'a-z',
        '\\d',
        '\\w',
        '\\s',
        '\\b',
        '\\.',
        '\\-',
        '\\/',
        '\\[',
        '\\]',
        '\\\\',
        '\\x41',
        '\\1',
        '\\A',
        '(?i)',
        '(?=',
        '[:alpha:]',
        '\\_',
        '_',
        ':',
      ],
    );
    const sources = [
      ...new Set(fc.sample(fc.array(piece, { minLength: 1, maxLength: 6 }), 3000).map((one) => one.join(''))),
    ];
    const accepted = sources.filter((source) => problems(source).length === 0).slice(0, 400);
    expect(accepted.length).toBeGreaterThan(100);
    for (const source of accepted) {
      const expression = new RegExp(source);
      expect([source, pcre(source)]).toEqual([source, subjects.filter((subject) => expression.test(subject))]);
    }
  });

  it.each([
    '^(main|dev)$',
    '\\[skip tests\\]',
    '^v\\d+\\.\\d+(?:-rc\\d{1,2})?$',
    '[A-Za-z0-9_.-]+/[^/]*',
    '^release[-/]',
    '\\bWIP\\b',
    '.*?x??',
    '[]]'.replace('[]]', '[\\]]'),
    '',
    'é+',
  ])('accepts %s', (source) => {
    expect(problems(source)).toEqual([]);
  });
});
