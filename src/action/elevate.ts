import { spawn } from 'node:child_process';
import { exit } from '../exit.ts';
import { elevation } from '../runner/drivers/sandbox/probe.ts';

/** Set for the process that has become root. */
const elevated = 'LAYER_ELEVATED';
/** What sudo would set to its own liking. */
const kept = ['PATH', 'HOME', 'TMPDIR', 'XDG_CACHE_HOME'] as const;

/**
 * Runs this very program again with the rights that machines need, where this process has not got them and may have them (hosted runners: sudo
 * without a password). Its exit code; null where this process is good enough, or there is no way, which the run itself then says.
 */
export async function runElevated(): Promise<number | null> {
  const environment = process.env;
  const prefix = environment[elevated] === '1' ? [] : await elevation();
  const [program, ...args] = prefix ?? [];
  if (program === undefined) return null;
  const set = kept.flatMap((name) => (environment[name] === undefined ? [] : [`${name}=${environment[name]}`]));
  const child = spawn(
    program,
    [...args, 'env', ...set, process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    {
      env: { ...environment, [elevated]: '1' },
      stdio: ['pipe', 'inherit', 'inherit'],
    },
  );
  child.stdin.on('error', () => {});
  // Root's processes take no signal from this one: the end of their standard input tells them. So does the end of this process.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.stdin.end());
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? exit.hostFailed));
  });
}

/** In the process that has become root: calls `stop` when the one that started it is cancelled or gone. */
export function whenLetGo(stop: () => void): void {
  if (process.env[elevated] !== '1') return;
  process.stdin.once('end', stop).once('error', stop).resume();
  // Waiting for that keeps nobody from ending.
  (process.stdin as NodeJS.ReadStream & { unref?: () => void }).unref?.();
}
