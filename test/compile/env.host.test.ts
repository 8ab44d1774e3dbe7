import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeOperators, evaluateAssignment } from '../../src/compile/env.ts';
import { initialScope, type Scope } from '../../src/ir/walk.ts';
import { parse } from '../../src/syntax/parse.ts';

const scope: Scope = {
  ...initialScope,
  variables: new Map([
    ['A', { origin: 'env', literal: 'one two' }],
    ['B', { origin: 'env', literal: '$x"\'\\' }],
    ['C', { origin: 'env', literal: null }],
  ]),
};

/** What bash assigns: each value ended by a NUL. */
function bash(values: readonly string[]): readonly string[] {
  const script = values.map((value) => `X=${value}\nprintf '%s\\0' "$X"\n`).join('');
  const environment = { HOME: '/root', A: 'one two', B: '$x"\'\\', C: 'c', PATH: process.env['PATH'] ?? '' };
  const output = execFileSync('bash', ['--noprofile', '--norc', '-c', script], { env: environment, encoding: 'utf8' });
  return output.split('\0').slice(0, values.length);
}

describe('evaluateAssignment', () => {
  it('gives what bash gives, or nothing', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        ' ',
        '~',
        '~/',
        ':',
        '/',
        '$A',
        '${A}',
        '$B',
        '$C',
        '"',
        "'",
        '\\',
        '$',
        '=',
        '&',
        ';',
        '|',
        '<',
        '>',
        '(',
        ')',
      ],
      ...[
        '*',
        '?',
        '[',
        ']',
        '{a,b}',
        '#',
        '!',
        '%',
        '.',
        '-',
        'é',
        '"a b"',
        "'c d'",
        '"$A"',
        "'$A'",
        '\\$',
        '\\"',
        '~x',
        '+',
        '^',
        ',',
      ],
    );
    const words = fc
      .sample(fc.array(piece, { maxLength: 7 }), 4000)
      .map((pieces) => `X=${pieces.join('')}`)
      .flatMap((text) => wordOf(text) ?? [])
      .map((word) => word.slice('X='.length));
    const certain = words.flatMap((word) => {
      const literal = evaluateAssignment(word, scope);
      return literal === null ? [] : [{ word, literal, given: escapeOperators(word) }];
    });
    expect(certain.length).toBeGreaterThan(800);
    const actual = bash(certain.map(({ given }) => given));
    expect(certain.map(({ word }, index) => `${word} → ${actual[index]}`)).toEqual(
      certain.map(({ word, literal }) => `${word} → ${literal}`),
    );
  });

  it.each(['$C', '`a`', '$(a)', '${A:-b}', "$'a'", '$$', '$?', '$1', '"$(a)"', '~x/y', '$UNSET'])(
    'does not guess %s',
    (value) => {
      expect(evaluateAssignment(value, scope)).toBe(null);
    },
  );

  it('knows no home but that of root', () => {
    expect(evaluateAssignment('~/x:$HOME', scope)).toBe('/root/x:/root');
    expect(evaluateAssignment('~/x', { ...scope, user: 'www' })).toBe(null);
    expect(evaluateAssignment('$HOME', { ...scope, user: 'www' })).toBe(null);
  });
});

describe('escapeOperators', () => {
  it('leaves quotes and substitutions alone', () => {
    expect(escapeOperators('a&b;c')).toBe('a\\&b\\;c');
    expect(escapeOperators('"a&b"\';\'$(a | b "c)" ; d)`e;f`${A:-(}\\&')).toBe(
      '"a&b"\';\'$(a | b "c)" ; d)`e;f`${A:-(}\\&',
    );
    expect(escapeOperators('$(a (b) c)&')).toBe('$(a (b) c)\\&');
  });
});

/** The only word that ENV would see; null where there are several, or the text is wrong. */
function wordOf(text: string): string | null {
  const { ast, diagnostics } = parse({ path: 'Layerfile', text: `ENV ${text}` });
  const [line] = ast.lines;
  return diagnostics.length === 0 && line?.kind === 'env' && line.words.length === 1
    ? (line.words[0]?.value ?? null)
    : null;
}
