import stringWidth from 'string-width';
import { visible } from './visible.ts';

/** What one line of a file looks like on a terminal, with the cells in which the marked part lies. */
export interface LaidOutLine {
  readonly text: string;
  readonly markStart: number;
  readonly markWidth: number;
}

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly column: number;
  readonly width: number;
}

const tabWidth = 4;
/** UTF-16 units looked at on either side of a mark: enough for any terminal, and quick on a line of a megabyte. */
const reach = 2048;
const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/**
 * Lays a line out in at most `room` cells (20 or more), so that the part from `start` to `end` (UTF-16 offsets in the line)
 * is seen: tabs become blanks, wide characters take two cells, control characters are written out, and a long line is cut
 * around the mark. A mark has at least one cell, which may lie behind the line's end.
 */
export function layOut(
  line: string,
  mark: { readonly start: number; readonly end: number },
  room: number,
): LaidOutLine {
  const start = Math.min(mark.start, line.length);
  const end = Math.max(start, Math.min(mark.end, line.length));
  const from = outsidePair(line, Math.max(0, start - reach));
  const to = outsidePair(line, Math.min(line.length, Math.min(end, start + reach) + reach));
  const pieces = piecesOf(line, from, to);
  const width = endOf(pieces);
  const markStart = pieces.find((one) => one.end > start)?.column ?? width;
  const markEnd = Math.max(markStart + 1, endOf(pieces.filter((one) => one.start < end)));

  const whole = from === 0 && to === line.length && Math.max(width, markEnd) <= room;
  if (whole) return { text: pieces.map((one) => one.text).join(''), markStart, markWidth: markEnd - markStart };

  const first = firstCell(markStart, markEnd, room);
  const cutsLeft = first > 0 || from > 0;
  const left = cutsLeft ? 1 : 0;
  const shown = pieces.filter((one) => one.column >= first + left && one.column + one.width <= first + room - 1);
  const origin = shown[0]?.column ?? first + left;
  const last = endOf(shown, origin);
  const cutsRight = to < line.length || last < width;
  return {
    text: `${cutsLeft ? '…' : ''}${shown.map((one) => one.text).join('')}${cutsRight ? '…' : ''}`,
    markStart: Math.max(markStart - origin, 0) + left,
    markWidth: Math.max(1, Math.min(markEnd, Math.max(last, markStart + 1)) - Math.max(markStart, origin)),
  };
}

/** The first cell to show: the line's beginning while the mark fits, else at most a third of the room before the mark. */
function firstCell(markStart: number, markEnd: number, room: number): number {
  if (markEnd < room) return 0;
  const before = Math.min(Math.floor(room / 3), room - 2 - (markEnd - markStart));
  return Math.max(0, markStart - Math.max(1, before));
}

function piecesOf(line: string, from: number, to: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let column = 0;
  for (const { segment, index } of segmenter.segment(line.slice(from, to))) {
    const text = segment === '\t' ? ' '.repeat(tabWidth - (column % tabWidth)) : visible(segment);
    const width = stringWidth(text);
    pieces.push({ start: from + index, end: from + index + segment.length, text, column, width });
    column += width;
  }
  return pieces;
}

function endOf(pieces: readonly Piece[], otherwise = 0): number {
  const last = pieces.at(-1);
  return last ? last.column + last.width : otherwise;
}

/** The same offset, or the one before it where it would cut a surrogate pair. */
function outsidePair(line: string, offset: number): number {
  return /[\udc00-\udfff]/.test(line[offset] ?? '') && /[\ud800-\udbff]/.test(line[offset - 1] ?? '')
    ? offset - 1
    : offset;
}
