import type { Clock, FileWriter, Processes, RepoReader, Terminal } from './host.ts';
import { fileWriter } from './node-host/file-writer.ts';
import { processes } from './node-host/processes.ts';
import { openRepository } from './node-host/repository.ts';
import { terminalOf } from './node-host/terminal.ts';

/** The outside, whole: what the composition roots hand to the inside, each part as narrow a port as it needs. */
export interface Host {
  /** The repository that holds a directory: the nearest git working tree, else the directory itself. */
  repository(directory: string): RepoReader;
  readonly writer: FileWriter;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly terminal: Terminal;
  /** The absolute path of the directory the person is in. */
  readonly directory: string;
  readonly environment: { readonly [name: string]: string | undefined };
}

/** The machine that Node runs on. */
export function nodeHost(): Host {
  return {
    repository: (directory) => openRepository(directory, processes),
    writer: fileWriter,
    processes,
    clock: { now: () => Date.now() },
    terminal: terminalOf(process.stdout, process.stderr, process.env),
    directory: process.cwd(),
    environment: process.env,
  };
}
