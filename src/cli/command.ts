import type { Host } from '../node-host.ts';
import type { Args, Operands, Options } from './args.ts';
import type { ExitCode } from '../exit.ts';

/** Where a command runs. */
export interface Context {
  readonly host: Host;
  /** Aborted by the first Ctrl-C, and when nobody reads standard output any more. */
  readonly signal: AbortSignal;
  /** Of `layer` itself. */
  readonly version: string;
}

/** A command of `layer`, as data: its arguments are read by it and its help is printed from it. Name and summary: commands.ts. */
export interface Command<O extends Options = Options> {
  /** Sentences below the usage line; null where the summary says it all. */
  readonly description: string | null;
  readonly operands: Operands | null;
  readonly options: O;
  readonly examples: readonly Example[];
  run(args: Args<O>, context: Context): Promise<ExitCode>;
}

/** A line to type and a phrase on what it does. */
export interface Example {
  readonly command: string;
  readonly does: string;
}

/** Checks a command's types, then forgets which options it has. */
export function command<const O extends Options>(value: Command<O>): Command {
  return value as unknown as Command;
}
