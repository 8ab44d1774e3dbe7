import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { BaseError } from './failure.ts';

/** What a program gets and where its output goes. */
export interface ProgramOptions {
  /** What failures call it (`apt-get in the machine`). */
  readonly what: string;
  /** The one line that installs it, where it is not there. */
  readonly remedy: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Each line of standard error, and of standard output where `readStdout` does not take it. */
  readonly onLine?: (line: string) => void;
  /** Fed with a stream; closed at its end. */
  readonly writeStdin?: (stdin: Writable) => Promise<void>;
  readonly readStdout?: (stdout: Readable) => Promise<void>;
  readonly signal: AbortSignal;
}

const tailLines = 25;
const graceMs = 5_000;

/**
 * Runs a program of the host to its end, in a process group of its own, which is ended (SIGTERM, then SIGKILL) on abort.
 * Anything but exit code 0 throws a `BaseError` with the end of what it printed.
 */
export async function runProgram(argv: readonly [string, ...string[]], options: ProgramOptions): Promise<void> {
  if (options.signal.aborted) throw new BaseError({ kind: 'cancelled' });
  const [command, ...args] = argv;
  const child = spawn(command, args, {
    detached: true,
    env: options.env,
    stdio: [options.writeStdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  const tail: string[] = [];
  const take = (line: string): void => {
    if (line.trim() === '') return;
    tail.push(line);
    if (tail.length > tailLines) tail.shift();
    options.onLine?.(line);
  };
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code));
  });
  const stop = (signal: NodeJS.Signals): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The group is gone already.
    }
  };
  let killer: NodeJS.Timeout | null = null;
  const abort = (): void => {
    stop('SIGTERM');
    killer = setTimeout(() => stop('SIGKILL'), graceMs);
  };
  options.signal.addEventListener('abort', abort, { once: true });
  try {
    const work: Promise<void>[] = [];
    if (child.stderr) eachLine(child.stderr, take);
    if (child.stdout && options.readStdout) work.push(options.readStdout(child.stdout));
    else if (child.stdout) eachLine(child.stdout, take);
    if (child.stdin && options.writeStdin) {
      child.stdin.on('error', () => {});
      work.push(options.writeStdin(child.stdin));
    }
    const all = Promise.allSettled(work);
    for (const one of work) one.catch(() => stop('SIGTERM'));
    const code = await ended;
    if (options.signal.aborted) throw new BaseError({ kind: 'cancelled' });
    const settled = await all;
    const broken = settled.find((one) => one.status === 'rejected');
    if (broken && isFailure(broken.reason)) throw broken.reason;
    if (code !== 0) throw new BaseError({ kind: 'command', what: options.what, code, tail: tail.join('\n') });
    if (broken) throw broken.reason;
  } catch (error) {
    if (options.signal.aborted) throw new BaseError({ kind: 'cancelled' });
    if (isCode(error, 'ENOENT')) {
      throw new BaseError({ kind: 'missing-tool', tool: command, remedy: options.remedy });
    }
    throw error;
  } finally {
    options.signal.removeEventListener('abort', abort);
    if (killer) clearTimeout(killer);
  }
}

function isFailure(error: unknown): error is BaseError {
  return error instanceof BaseError;
}

/** Whether something thrown carries this error code of the system. */
export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function eachLine(stream: Readable, line: (text: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split(/\r\n|\n|\r/);
    rest = (lines.pop() ?? '').slice(-8192);
    for (const one of lines) line(one);
  });
  stream.on('end', () => {
    if (rest !== '') line(rest);
  });
}
