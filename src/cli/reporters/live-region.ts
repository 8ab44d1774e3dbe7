import stringWidth from 'string-width';
import type { Terminal } from '../../host.ts';

/** The last lines of a terminal, drawn over again and again, with lasting lines going out above them. */
export interface LiveRegion {
  draw(lines: readonly string[]): void;
  /** A line that stays. */
  print(line: string): void;
  /** Takes the region away until `resume`. */
  pause(): void;
  resume(): void;
  /** Takes it away for good. */
  close(): void;
}

/** More lines would scroll, and what has scrolled cannot be drawn over. */
const mostLines = 16;

/** Lines are cut to the terminal's width, as it is at that moment: a narrower one than before only costs a glance. */
export function createLiveRegion(terminal: Terminal): LiveRegion {
  let drawn: readonly string[] = [];
  let wanted: readonly string[] = [];
  let state: 'open' | 'paused' | 'closed' = 'open';

  /** Goes up over what was drawn, counting lines that a narrower terminal has wrapped since. */
  const erase = (): string => {
    const columns = Math.max(1, terminal.columns);
    const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0);
    drawn = [];
    return rows === 0 ? '' : `\u001b[${rows}A\r\u001b[J`;
  };
  const put = (): string => {
    const more = wanted.length - mostLines;
    const lines = more > 0 ? [...wanted.slice(0, mostLines - 1), `  … and ${more + 1} more lines`] : wanted;
    drawn = lines.map((line) => cut(line, terminal.columns - 1));
    return drawn.map((line) => `${line}\n`).join('');
  };

  return {
    draw(lines) {
      wanted = lines;
      if (state === 'open') terminal.out(erase() + put());
    },
    print(line) {
      if (state === 'open') terminal.out(`${erase()}${line}\n${put()}`);
      else terminal.out(`${line}\n`);
    },
    pause() {
      if (state !== 'open') return;
      terminal.out(erase());
      state = 'paused';
    },
    resume() {
      if (state === 'paused') state = 'open';
    },
    close() {
      if (state === 'open') terminal.out(erase());
      state = 'closed';
    },
  };
}

/** As much of a line as fits, with `…` where something is missing. */
export function cut(line: string, columns: number): string {
  if (stringWidth(line) <= columns) return line;
  let out = '';
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    width += stringWidth(segment);
    if (width > columns - 1) break;
    out += segment;
  }
  return `${out}…`;
}
