import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLayerfile } from '../../src/syntax/format.ts';
import { parse } from '../../src/syntax/parse.ts';
import { texts } from './arbitrary.ts';
import { commentsOf, valuesOf } from './values.ts';

function format(text: string): string {
  return formatLayerfile(parse({ path: 'Layerfile', text }).ast);
}

describe('formatting', () => {
  test.each([
    ['blanks before lines', '  FROM a\n\t# b\n \tRUN c', 'FROM a\n# b\nRUN c\n'],
    ['blanks at the ends of lines', 'FROM a \t\nRUN b \n# c \nCOPY d e \n', 'FROM a\nRUN b\n# c\nCOPY d e\n'],
    ['blanks between words', 'RUN \t BACKGROUND   a  b\nCOPY\ta   b\n', 'RUN BACKGROUND a  b\nCOPY a b\n'],
    ['blanks in conditions', 'SKIP  REMAINING IF  A  =  b\n', 'SKIP REMAINING IF A = b\n'],
    ['blanks after a continuation', 'RUN a \\ \t\n  b\n', 'RUN a \\\n  b\n'],
    ['line ends', '\uFEFFFROM a\r\nRUN b \\\r\n  c\rCOPY d e', 'FROM a\nRUN b \\\n  c\nCOPY d e\n'],
    ['empty lines', '\n \nFROM a\n\n\t\n\n\nRUN b\n\n\n', 'FROM a\n\n\nRUN b\n'],
    ['the end of the file', 'FROM a', 'FROM a\n'],
    ['an empty file', '', ''],
    ['a file of blanks', ' \n\t\n', ''],
    ['a continuation of nothing', 'RUN a \\\n\nRUN b \\', 'RUN a\n\nRUN b\n'],
    ['a comment in a continuation of nothing', 'RUN a \\\n  # b\n\nRUN c', 'RUN a\n# b\n\nRUN c\n'],
    ['a continuation before an instruction', '\\\n # a\n  RUN b', '# a\nRUN b\n'],
    ['a comment after arguments', 'COPY a b   # c  \n', 'COPY a b   # c\n'],
    ['THEN', 'THEN   RUN a\n', 'THEN RUN a\n'],
  ])('%s', (_, text, formatted) => {
    expect(format(text)).toBe(formatted);
  });

  test.each([
    ['commands', 'RUN a   "b  c" \\\n      d   \\\n  # comment\n  e\n'],
    ['quoted words', 'COPY "a  b" \'c  d\'\n'],
    ['shell words', 'ENV A="b  c" D=$(e   f)\n'],
    ['backslashes in a column', 'COPY a   \\\n     bc  \\\n     .\n'],
    ['a blank that a backslash escapes before a continuation of nothing', 'ENV \\ \\\n\n'],
    ['lines that are no instruction', 'run   a  b \\\n   c\n'],
  ])('%s stay as they are', (_, text) => {
    expect(format(text)).toBe(text);
  });
});

describe('whatever the text', () => {
  test('formatting changes no value and loses no comment', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const before = parse({ path: 'Layerfile', text }).ast;
        const after = parse({ path: 'Layerfile', text: formatLayerfile(before) }).ast;
        expect(valuesOf(after)).toEqual(valuesOf(before));
        expect(commentsOf(after)).toEqual(commentsOf(before));
      }),
      { numRuns: 3000 },
    );
  });

  test('formatting again changes nothing', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const once = format(text);
        expect(format(once)).toBe(once);
      }),
      { numRuns: 3000 },
    );
  });

  test('what is wrong with it stays the same', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const codes = (one: string): readonly string[] =>
          parse({ path: 'Layerfile', text: one }).diagnostics.map(({ code }) => code);
        expect(codes(format(text))).toEqual(codes(text));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('real Layerfiles', () => {
  const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));
  const names = existsSync(corpus) ? readdirSync(corpus).filter((name) => name.endsWith('__Layerfile')) : [];
  if (names.length === 0) test('are not here (../shared/corpus)', () => console.info('no corpus to format'));
  test.each(names)('%s means the same afterwards', (name) => {
    const before = parse({ path: name, text: readFileSync(corpus + name, 'utf8') }).ast;
    const text = formatLayerfile(before);
    expect(valuesOf(parse({ path: name, text }).ast)).toEqual(valuesOf(before));
    expect(format(text)).toBe(text);
  });
});
