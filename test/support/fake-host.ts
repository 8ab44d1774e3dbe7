import type { RepoReader, Terminal } from '../../src/host.ts';
import type { Context } from '../../src/cli/command.ts';
import { dispatch } from '../../src/cli/dispatch.ts';
import { fileWriter } from '../../src/node-host/file-writer.ts';
import { processes } from '../../src/node-host/processes.ts';
import { openRepository } from '../../src/node-host/repository.ts';

/** What a run of the command line said and ended with. */
export interface Said {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs the command line in a real directory, inside this process, with a terminal that remembers. */
export async function layerIn(directory: string, ...typed: readonly string[]): Promise<Said> {
  return layerUntil(new AbortController().signal, directory, ...typed);
}

/** The same, until the signal comes. */
export async function layerUntil(signal: AbortSignal, directory: string, ...typed: readonly string[]): Promise<Said> {
  const said = { out: '', error: '' };
  const terminal: Terminal = {
    isTty: false,
    columns: 80,
    colour: false,
    out: (text) => void (said.out += text),
    error: (text) => void (said.error += text),
  };
  const context: Context = {
    host: {
      repository: (path): RepoReader => openRepository(path, processes),
      writer: fileWriter,
      processes,
      clock: { now: () => 0 },
      terminal,
      directory,
      environment: {},
    },
    signal,
    version: '1.2.3',
  };
  const code = await dispatch(typed, context);
  return { code, ...said };
}
