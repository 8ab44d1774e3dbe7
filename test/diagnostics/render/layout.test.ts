import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { layOut } from '../../../src/diagnostics/render/layout.ts';

/** The laid out line and, below it, its marks. */
function picture(line: string, part: string, room = 40): string {
  const start = line.indexOf(part);
  const { text, markStart, markWidth } = layOut(line, { start, end: start + part.length }, room);
  return `${text}\n${' '.repeat(markStart)}${'^'.repeat(markWidth)}`;
}

describe('layOut', () => {
  test('leaves a short line as it is', () => {
    expect(picture('RUN make', 'make')).toBe('RUN make\n    ^^^^');
  });

  test('turns tabs into blanks up to the next stop', () => {
    expect(picture('\tRUN\tmake', 'make')).toBe('    RUN make\n        ^^^^');
  });

  test('counts two cells for a wide character and for an emoji of several code points', () => {
    expect(picture('RUN 漢字 make', 'make')).toBe('RUN 漢字 make\n         ^^^^');
    expect(picture('RUN 👩‍👩‍👧 make', 'make')).toBe('RUN 👩‍👩‍👧 make\n       ^^^^');
    expect(picture('RUN 漢字', '字')).toBe('RUN 漢字\n      ^^');
    expect(picture('RUN e\u0301 x', 'x')).toBe('RUN e\u0301 x\n      ^');
  });

  test('writes out control characters and what reorders text', () => {
    expect(picture('RUN \u001b[31mred', 'red')).toBe('RUN \\u{1b}[31mred\n              ^^^');
    expect(picture('RUN a\u202eb', 'b')).toBe('RUN a\\u{202e}b\n             ^');
    expect(picture('RUN \ud800x', 'x')).toBe('RUN \\u{d800}x\n            ^');
  });

  test('cuts a long line around the mark', () => {
    const line = `RUN ${'a'.repeat(100)} here ${'b'.repeat(100)}`;
    expect(picture(line, 'here')).toBe(`…${'a'.repeat(11)} here ${'b'.repeat(21)}…\n             ^^^^`);
    expect(picture(line, 'RUN')).toBe(`RUN ${'a'.repeat(35)}…\n^^^`);
    expect(picture(`${'a'.repeat(100)} end`, 'end')).toBe(`…${'a'.repeat(11)} end\n             ^^^`);
  });

  test('shows the beginning of a mark that is longer than the room', () => {
    expect(picture(`RUN ${'a'.repeat(5000)}`, 'a'.repeat(5000))).toBe(`…${'a'.repeat(38)}…\n ${'^'.repeat(38)}`);
  });

  test('marks a cell behind the end of the line', () => {
    expect(layOut('', { start: 0, end: 0 }, 40)).toEqual({ text: '', markStart: 0, markWidth: 1 });
    expect(layOut('RUN', { start: 3, end: 3 }, 40)).toEqual({ text: 'RUN', markStart: 3, markWidth: 1 });
    expect(layOut('RUN', { start: 9, end: 12 }, 40)).toEqual({ text: 'RUN', markStart: 3, markWidth: 1 });
  });

  test('never needs more than the room, and marks inside what it shows', () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom('a', '\t', '漢', '👩‍👧', '\u001b'), fc.string({ maxLength: 1 })),
      maxLength: 300,
    });
    fc.assert(
      fc.property(text, fc.nat(300), fc.nat(300), fc.integer({ min: 20, max: 120 }), (line, start, length, room) => {
        const laidOut = layOut(line, { start, end: start + length }, room);
        expect(stringWidth(laidOut.text)).toBeLessThanOrEqual(room);
        expect(laidOut.markWidth).toBeGreaterThan(0);
        expect(laidOut.markStart + laidOut.markWidth).toBeLessThanOrEqual(
          Math.max(stringWidth(laidOut.text), laidOut.markStart) + 1,
        );
      }),
    );
  });

  test('is quick on a line of a megabyte', () => {
    const line = 'x'.repeat(1 << 20);
    const start = process.cpuUsage();
    for (let round = 0; round < 100; round += 1) layOut(line, { start: 500_000, end: 1_000_000 }, 100);
    expect(process.cpuUsage(start).user).toBeLessThan(5_000_000);
  });
});
