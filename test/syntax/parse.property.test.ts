import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/diagnostics/source.ts';
import type { LayerfileAst } from '../../src/syntax/ast.ts';
import { parse } from '../../src/syntax/parse.ts';
import { printLayerfile } from '../../src/syntax/print.ts';
import { instructions, texts } from './arbitrary.ts';
import { valuesOf } from './values.ts';

const runs = { numRuns: 3000 };

describe('whatever the text', () => {
  test('printing gives it back', () => {
    fc.assert(
      fc.property(texts, (text) => printLayerfile(parse({ path: 'Layerfile', text }).ast) === text),
      runs,
    );
  });

  test('the leaves tile it, none of them empty', () => {
    fc.assert(
      fc.property(texts, (text) => {
        let at = 0;
        for (const leaf of parse({ path: 'Layerfile', text }).ast.lines.flatMap((line) => line.leaves)) {
          expect(leaf.span.start).toBe(at);
          expect(leaf.span.end).toBeGreaterThan(at);
          expect(leaf.text).toBe(text.slice(leaf.span.start, leaf.span.end));
          at = leaf.span.end;
        }
        expect(at).toBe(text.length);
      }),
      runs,
    );
  });

  test('all spans lie in it, and those of a node inside its line', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { ast, diagnostics } = parse({ path: 'Layerfile', text });
        for (const { span } of diagnostics) expectInside(span, { start: 0, end: text.length });
        for (const line of ast.lines) {
          expectInside(line.span, lineRange(line.leaves));
          for (const span of spansIn(line)) expectInside(span, lineRange(line.leaves));
        }
      }),
      runs,
    );
  });

  test('diagnostics come in order, and none twice', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const { diagnostics } = parse({ path: 'Layerfile', text });
        const starts = diagnostics.map(({ span }) => span?.start ?? -1);
        expect(starts).toEqual(starts.toSorted((a, b) => a - b));
        const keys = diagnostics.map(({ code, span }) => `${code} ${span?.start}`);
        expect(new Set(keys).size).toBe(keys.length);
      }),
      runs,
    );
  });

  test('a line that is no instruction is reported exactly once', () => {
    fc.assert(
      fc.property(instructions, (text) => {
        const { ast, diagnostics } = parse({ path: 'Layerfile', text });
        for (const line of ast.lines.filter((one) => one.kind === 'invalid')) {
          const { start, end } = lineRange(line.leaves);
          const found = diagnostics.filter(({ span }) => span !== null && span.start >= start && span.start < end);
          if (diagnostics.some(({ code }) => code === 'syntax/here-document')) continue;
          expect(found).toHaveLength(1);
        }
      }),
      runs,
    );
  });
});

describe('what means nothing', () => {
  const solid = /[^\s#\\]/;

  test('a continuation anywhere outside a comment changes no value', () => {
    fc.assert(
      fc.property(
        instructions,
        fc.nat(),
        fc.constantFrom('\\\n', '\\ \r\n', '\\\n \t# note\n'),
        (text, seed, joint) => {
          const { ast } = parse({ path: 'Layerfile', text });
          const places = ast.lines
            .flatMap((line) => line.leaves)
            .filter(({ kind }) => kind !== 'comment' && kind !== 'continuation' && kind !== 'end' && kind !== 'blank')
            .flatMap(({ span }) =>
              Array.from({ length: span.end - span.start - 1 }, (_, index) => span.start + index + 1),
            )
            .filter((at) => solid.test(text[at] ?? '') && solid.test(text[at - 1] ?? ''));
          const at = places[seed % Math.max(places.length, 1)];
          if (at === undefined) return;
          const continued = text.slice(0, at) + joint + text.slice(at);
          expect(valuesOf(parse({ path: 'Layerfile', text: continued }).ast)).toEqual(valuesOf(ast));
        },
      ),
      runs,
    );
  });

  test('the kind of line end', () => {
    fc.assert(
      fc.property(instructions, fc.constantFrom('\n', '\r\n', '\r'), (text, end) => {
        const other = text.replace(/\r\n|\r|\n/g, end);
        expect(valuesOf(parse({ path: 'Layerfile', text: other }).ast)).toEqual(
          valuesOf(parse({ path: 'Layerfile', text: text.replace(/\r\n|\r|\n/g, '\n') }).ast),
        );
      }),
      runs,
    );
  });

  test('a byte order mark, and blanks before every line', () => {
    fc.assert(
      fc.property(instructions, (text) => {
        const { ast } = parse({ path: 'Layerfile', text });
        const indented = ast.lines.map((line) => ` \t${line.leaves.map((leaf) => leaf.text).join('')}`).join('');
        expect(valuesOf(parse({ path: 'Layerfile', text: `\uFEFF${indented}` }).ast)).toEqual(valuesOf(ast));
      }),
      runs,
    );
  });
});

function expectInside(span: Span | null, range: { start: number; end: number }): void {
  if (span === null) throw new Error('a diagnostic of a text has no span');
  expect(span.start).toBeGreaterThanOrEqual(range.start);
  expect(span.end).toBeGreaterThanOrEqual(span.start);
  expect(span.end).toBeLessThanOrEqual(range.end);
}

function lineRange(leaves: LayerfileAst['lines'][number]['leaves']): { start: number; end: number } {
  return { start: leaves[0]?.span.start ?? 0, end: leaves.at(-1)?.span.end ?? 0 };
}

function spansIn(value: unknown): readonly Span[] {
  if (Array.isArray(value)) return value.flatMap(spansIn);
  if (value === null || typeof value !== 'object') return [];
  if ('file' in value && 'start' in value) return [value as Span];
  return Object.values(value).flatMap(spansIn);
}
