import type { WriteStream } from 'node:tty';
import type { Terminal } from '../host.ts';

type Environment = { readonly [name: string]: string | undefined };
type Output = Pick<NodeJS.WriteStream, 'write'> & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>;

/** Cells in a line where no terminal says how many: wide enough for most lines, narrow enough for a log. */
const columnsWithoutTerminal = 120;

/** Standard output and standard error as a terminal. See https://no-color.org and https://force-color.org. */
export function terminalOf(out: Output, error: Output, environment: Environment): Terminal {
  const isTty = out.isTTY === true;
  return {
    isTty,
    get columns() {
      return out.columns || Number(environment['COLUMNS']) || columnsWithoutTerminal;
    },
    colour: mayColour(isTty, environment),
    out: (text) => void out.write(text),
    error: (text) => void error.write(text),
  };
}

function mayColour(isTty: boolean, environment: Environment): boolean {
  const forced = environment['FORCE_COLOR'];
  if (forced !== undefined && forced !== '') return forced !== '0' && forced !== 'false';
  if (environment['NO_COLOR']) return false;
  return isTty && environment['TERM'] !== 'dumb';
}
