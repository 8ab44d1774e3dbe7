import type { Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { lineStarts, positionAt } from '../../src/diagnostics/source.ts';
import { parse } from '../../src/syntax/parse.ts';

const mark = /^ *~+ \S+$/;

/**
 * A Layerfile with a line of `~~~ code` under each place that is reported, as in the tests' sources. Give it a text with marks
 * and it puts its own in their place, so that a test compares the two.
 */
export function marked(text: string): string {
  const file = { path: 'Layerfile', text: unmarked(text) };
  const { diagnostics } = parse(file);
  const lines = file.text.split('\n');
  const starts = lineStarts(file);
  return lines
    .flatMap((line, index) => [
      line,
      ...diagnostics
        .filter((one) => one.span !== null && positionAt(file, one.span.start).line === index + 1)
        .map((one) => markOf(one, starts[index] ?? 0, line.length)),
    ])
    .join('\n');
}

/** The text without its marks. */
export function unmarked(text: string): string {
  return text
    .split('\n')
    .filter((line) => !mark.test(line))
    .join('\n');
}

function markOf({ code, span }: Diagnostic, lineStart: number, lineLength: number): string {
  if (span === null) throw new Error(`${code} has no span`);
  const from = span.start - lineStart;
  const to = Math.min(span.end - lineStart, lineLength);
  return `${' '.repeat(from)}${'~'.repeat(Math.max(to - from, 1))} ${code.replace('syntax/', '')}`;
}
