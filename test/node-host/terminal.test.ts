import { describe, expect, test } from 'vitest';
import { terminalOf } from '../../src/node-host/terminal.ts';

function terminal(tty: boolean, environment: { readonly [name: string]: string }, columns?: number) {
  const written: string[] = [];
  const stream = (name: string) => ({
    isTTY: tty,
    write: (text: string) => written.push(name + text) > 0,
    ...(columns === undefined ? {} : { columns }),
  });
  return { terminal: terminalOf(stream('out:') as never, stream('error:') as never, environment), written };
}

describe('colour', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [true, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  ])('on a terminal: %s, with %j: %s', (tty, environment, colour) => {
    expect(terminal(tty, environment as { [name: string]: string }).terminal.colour).toBe(colour);
  });
});

test('columns are the terminal’s, else what COLUMNS says, else enough', () => {
  expect(terminal(true, {}, 77).terminal.columns).toBe(77);
  expect(terminal(false, { COLUMNS: '90' }).terminal.columns).toBe(90);
  expect(terminal(false, { COLUMNS: 'x' }).terminal.columns).toBe(120);
});

test('out and error go to their streams', () => {
  const { terminal: one, written } = terminal(false, {});
  one.out('a');
  one.error('b');
  expect(written).toEqual(['out:a', 'error:b']);
});
