import { spawnSync } from 'node:child_process';
import type { Exit, TerminalLine } from '../../runner/driver.ts';

/**
 * Lends this process's terminal, raw, to a machine's for as long as `attach` takes: keys go there as they are (Ctrl-C too), and so do changes of size.
 * Standard input and output must be a terminal.
 */
export async function lendTerminal(attach: (line: TerminalLine) => Promise<Exit>): Promise<Exit> {
  const { stdin, stdout } = process;
  let stop = (): void => {};
  const line: TerminalLine = {
    columns: stdout.columns,
    rows: stdout.rows,
    output: (chunk) => void stdout.write(chunk),
    attached(keyboard) {
      const type = (bytes: Buffer): void => keyboard.type(bytes);
      const resize = (): void => keyboard.resize(stdout.columns, stdout.rows);
      const restore = makeRaw();
      process.on('exit', restore);
      stdin.on('data', type).resume();
      stdout.on('resize', resize);
      resize();
      stop = () => {
        stdout.off('resize', resize);
        stdin.off('data', type).pause();
        process.off('exit', restore);
        restore();
      };
    },
  };
  try {
    return await attach(line);
  } finally {
    stop();
  }
}

/** By stty(1): Node's own raw mode goes on turning each LF that is printed into CR LF, which the machine's terminal has done already. */
function makeRaw(): () => void {
  const stty = (...words: readonly string[]) =>
    spawnSync('stty', words, { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' }).stdout.trim();
  const before = stty('-g');
  stty('raw', '-echo');
  return () => void stty(before);
}
