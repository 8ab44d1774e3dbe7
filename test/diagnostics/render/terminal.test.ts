import { describe, expect, test } from 'vitest';
import type { Diagnostic, Note } from '../../../src/diagnostics/diagnostic.ts';
import { renderTerminal, type TerminalLook } from '../../../src/diagnostics/render/terminal.ts';
import type { SourceFile, Span } from '../../../src/diagnostics/source.ts';

const plain: TerminalLook = { colour: false, columns: 80, showPath: (path) => path };

function source(text: string, path = 'web/Layerfile'): SourceFile {
  return { path, text };
}

function at(file: SourceFile, part: string): Span {
  const start = file.text.indexOf(part);
  expect(start).toBeGreaterThanOrEqual(0);
  return { file, start, end: start + part.length };
}

function unknown(span: Span | null, notes: readonly Note[] = [], message = 'RUM is not an instruction'): Diagnostic {
  return { code: 'syntax/unknown-instruction', severity: 'error', message, span, notes };
}

describe('renderTerminal', () => {
  test('shows sentence, place, line and underline', () => {
    const file = source('FROM vm/debian:12\nRUM make\n');
    expect(renderTerminal(unknown(at(file, 'RUM')), plain)).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
       --> web/Layerfile:2:1
        |
      2 | RUM make
        | ^^^
      "
    `);
  });

  test('shows notes: help without a place, and other places', () => {
    const file = source('FROM vm/debian:12\n\n\n\n\n\n\n\n\nFROM /base\n');
    const notes = [
      { message: 'remove one of them', span: null },
      { message: 'the first is here', span: at(file, 'FROM') },
    ];
    const report = renderTerminal(unknown(at(file, 'FROM /base'), notes), plain);
    expect(report).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
        --> web/Layerfile:10:1
         |
      10 | FROM /base
         | ^^^^^^^^^^
         |
         = help: remove one of them
      note: the first is here
        --> web/Layerfile:1:1
         |
       1 | FROM vm/debian:12
         | ----
      "
    `);
  });

  test('shows the first and the last line of a span over several lines', () => {
    const file = source('RUN a \\\n  b \\\n  c   \nRUN d\n');
    expect(renderTerminal(unknown(at(file, 'a \\\n  b \\\n  c  ')), plain)).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
       --> web/Layerfile:1:5
        |
      1 | RUN a \\
        |     ^^^
      ...
      3 |   c
        |   ^
      "
    `);
    expect(renderTerminal(unknown(at(file, 'b \\\n  c')), plain)).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
       --> web/Layerfile:2:3
        |
      2 |   b \\
        |   ^^^
      3 |   c
        |   ^
      "
    `);
  });

  test('does not show the end of a CRLF or CR line', () => {
    const file = source('FROM x\r\nRUM make\r\nRUN a\rRAN b\r');
    expect(renderTerminal(unknown(at(file, 'RUM make\r\n')), plain)).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
       --> web/Layerfile:2:1
        |
      2 | RUM make
        | ^^^^^^^^
      "
    `);
    expect(renderTerminal(unknown(at(file, 'RAN')), plain)).toContain('4 | RAN b\n');
  });

  test('points behind the last character, and into an empty file', () => {
    const file = source('FROM x\n');
    expect(renderTerminal(unknown({ file, start: 7, end: 7 }), plain)).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
       --> web/Layerfile:2:1
        |
      2 |
        | ^
      "
    `);
    const empty = source('');
    expect(renderTerminal(unknown({ file: empty, start: 0, end: 0 }), plain)).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
       --> web/Layerfile:1:1
      "
    `);
  });

  test('needs no place', () => {
    expect(renderTerminal(unknown(null, [{ message: 'do this\nor that', span: null }], 'no Layerfile'), plain))
      .toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: no Layerfile
        = help: do this
                or that
      "
    `);
  });

  test('writes out control characters in messages, paths and lines', () => {
    const file = source('\u001b]0;owned\u0007RUM\n', 'a\nb/Layerfile');
    const report = renderTerminal(unknown(at(file, 'RUM'), [], '\u001b[2J\u202eRUM is nothing'), plain);
    expect(report).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: \\u{1b}[2J\\u{202e}RUM is nothing
       --> a\\u{a}b/Layerfile:1:11
        |
      1 | \\u{1b}]0;owned\\u{7}RUM
        |                    ^^^
      "
    `);
    expect(report).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  test('colours only where it may', () => {
    const file = source('RUM make\n');
    const coloured = renderTerminal(unknown(at(file, 'RUM')), { ...plain, colour: true });
    expect(coloured).toContain('\u001b[31m');
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(renderTerminal(unknown(at(file, 'RUM')), plain));
  });

  test('shows paths as the look says', () => {
    const file = source('RUM make\n');
    const look = { ...plain, showPath: (path: string) => `../${path}` };
    expect(renderTerminal(unknown(at(file, 'RUM')), look)).toContain('--> ../web/Layerfile:1:1\n');
  });

  test('cuts a line to the terminal', () => {
    const file = source(`RUN ${'a '.repeat(200)}BAD${' b'.repeat(200)}\n`);
    const report = renderTerminal(unknown(at(file, 'BAD')), { ...plain, columns: 60 });
    expect(report).toMatchInlineSnapshot(`
      "error[syntax/unknown-instruction]: RUM is not an instruction
       --> web/Layerfile:1:405
        |
      1 | … a a a a a a a a BAD b b b b b b b b b b b b b b b b b…
        |                   ^^^
      "
    `);
  });
});
