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
      stdin.setRawMode(true);
      stdin.on('data', type).resume();
      stdout.on('resize', resize);
      resize();
      stop = () => {
        stdout.off('resize', resize);
        stdin.off('data', type).pause();
        stdin.setRawMode(false);
      };
    },
  };
  try {
    return await attach(line);
  } finally {
    stop();
  }
}
