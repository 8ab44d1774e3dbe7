import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { spanText } from '../../src/diagnostics/source.ts';
import { parse } from '../../src/syntax/parse.ts';
import { printLayerfile } from '../../src/syntax/print.ts';

const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));
const names = existsSync(corpus) ? readdirSync(corpus).filter((name) => name.endsWith('__Layerfile')) : [];

/** What is wrong with the text of real files; all others are fine. */
const wrong: Readonly<Record<string, readonly string[]>> = {
  'Aashish-32+React-Django-API__Layerfile': ['syntax/unknown-instruction """', 'syntax/unknown-instruction """'],
};

describe('real Layerfiles', () => {
  if (names.length === 0) test('are not here (../shared/corpus)', () => console.info('no corpus to read'));
  test.each(names)('%s', (name) => {
    const file = { path: name, text: readFileSync(corpus + name, 'utf8') };
    const { ast, diagnostics } = parse(file);
    expect(printLayerfile(ast)).toBe(file.text);
    expect(diagnostics.map(({ code, span }) => `${code} ${span === null ? '' : spanText(span)}`)).toEqual(
      wrong[name] ?? [],
    );
    expect(ast.lines.some((line) => line.kind === 'from')).toBe(true);
  });
});
