import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What a program of the host refused; for a person. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
}

/** Runs a program to its end; its standard output. Throws a `ProgramFailed` with what it complained of. */
export async function program(
  argv: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly signal?: AbortSignal } = {},
): Promise<string> {
  const [command, ...args] = argv;
  try {
    const { stdout } = await run(command, args, { ...options, maxBuffer: 64 << 20 });
    return stdout;
  } catch (error) {
    options.signal?.throwIfAborted();
    const complaint = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
    throw new ProgramFailed(`${command}: ${complaint.slice(-2000) || String(error)}`, { cause: error });
  }
}

/** Whether a program is on the PATH. */
export async function onPath(command: string): Promise<boolean> {
  return run('sh', ['-c', 'command -v -- "$0"', command]).then(
    () => true,
    () => false,
  );
}
