import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from '../../src/syntax/parse.ts';

const pieces = [
  'a',
  'b ',
  '"',
  "'",
  '`',
  '$(',
  '${x',
  '}',
  ')',
  '$',
  '$$',
  '\\',
  ' ',
  '$"',
  "$'",
  '\\"',
  "\\'",
  '\\`',
  '\\\\',
];

/** Whether bash finds something unclosed; null where it refuses the text for another reason. Nothing is executed. */
function unclosedInBash(word: string): boolean | null {
  const { status, stderr } = spawnSync('bash', ['-n', '-c', `: ${word}`], { encoding: 'utf8', env: { LC_ALL: 'C' } });
  if (status === 0 && stderr === '') return false;
  return /unexpected EOF|looking for matching/.test(stderr) ? true : null;
}

test('ENV finds unclosed what bash finds unclosed', () => {
  const words = fc
    .array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 9 })
    .map((some) => `A=${some.join('')}`)
    .filter((word) => !/\\\s*$/.test(word));
  fc.assert(
    fc.property(words, (word) => {
      const unclosed = unclosedInBash(word);
      if (unclosed === null) return;
      const found = parse({ path: 'Layerfile', text: `ENV ${word}` }).diagnostics;
      expect(found.some(({ code }) => code.startsWith('syntax/unclosed'))).toBe(unclosed);
    }),
    { numRuns: 600 },
  );
});
