import { describe, expect, test } from 'vitest';
import type { GuestPath } from '../../src/host.ts';
import { assignable } from '../../src/ir/assignable.ts';
import { envScript, envValues, runScript, shellQuote } from '../../src/runner/script.ts';

describe('a RUN', () => {
  test('sources the profile, sets ENV, sources the other profiles and the setup files, then is what was written', () => {
    const script = runScript(
      { env: { A: "it's", PATH: '/x:/y' }, setupFiles: ['/app/set up.sh' as GuestPath] },
      'make && \\\n  make test',
    );
    expect(script).toBe(`if [ -r /etc/profile ]; then . /etc/profile; fi
export A='it'\\''s'
export PATH='/x:/y'
if [ -r ~/.profile ]; then . ~/.profile; fi
if [ -r ~/.bash_profile ]; then . ~/.bash_profile; fi
if [ ! -e '/app/set up.sh' ]; then printf '%s\\n' 'layer: the setup file /app/set up.sh is missing' >&2; exit 1; fi
. '/app/set up.sh'
make && \\
  make test
`);
  });
});

describe('an ENV word', () => {
  test.each([
    ['plain', 'plain'],
    ['a=1&b=2;c|d', 'a=1\\&b=2\\;c\\|d'],
    ['(1 2)', '\\(1\\ 2\\)'],
    ['"a & b"', '"a & b"'],
    ["'a ; b'", "'a ; b'"],
    ['$(cat x | head -1; true)', '$(cat x | head -1; true)'],
    ['$(echo $(date) "(" )&', '$(echo $(date) "(" )\\&'],
    ['`a;b`>c', '`a;b`\\>c'],
    ['${A:-x y}|z', '${A:-x y}\\|z'],
    ['"$(echo "a;b")";', '"$(echo "a;b")"\\;'],
    ["it\\'s\\ here", "it\\'s\\ here"],
    ['"it\'s";', '"it\'s"\\;'],
    ['', ''],
  ])('%s is assigned as %s', (word, assigned) => {
    expect(assignable(word)).toBe(assigned);
  });

  test('is evaluated in its turn', () => {
    const lines = envScript(
      { env: {}, setupFiles: [] },
      [
        { name: 'A', value: '$(false)' },
        { name: 'B', value: '$A' },
      ],
      'mark',
    );
    expect(lines.split('\n').slice(3)).toEqual([
      'A=$(false) || exit $?',
      'export A',
      'B=$A || exit $?',
      'export B',
      `printf '%s\\0' 'mark' "\${A}" "\${B}" 'mark'`,
      '',
    ]);
  });
});

describe("an ENV script's output", () => {
  test('gives up its values and leaves the rest', () => {
    const output = Buffer.from('noise\nmark\0one\0two\nlines\0mark\0more');
    expect(envValues(output, 'mark', 2)).toEqual({ values: ['one', 'two\nlines'], rest: Buffer.from('noise\nmore') });
  });

  test.each(['', 'mark\0', 'mark\0one\0', 'mark\0one\0mark\0'])('that is not whole gives none: %j', (text) => {
    expect(envValues(Buffer.from(text), 'mark', 2)).toBe(null);
  });
});

test('any text is one word', () => {
  expect(shellQuote("a'b$(c)\n")).toBe("'a'\\''b$(c)\n'");
});
