import { spawn } from 'node:child_process';
import { elevation } from '../runner/drivers/sandbox/probe.ts';

/**
 * Runs this very program again with the rights that machines need, where this process has not got them and may have them (hosted runners: sudo
 * without a password). Its exit code; null where this process is good enough, or there is no way, which the run itself then says.
 */
export async function runElevated(): Promise<number | null> {
  const argv = process.env['LAYER_ELEVATED'] === '1' ? [] : await elevation();
  const [program, ...args] = argv ?? [];
  if (program === undefined) return null;
  const child = spawn(program, [...args, process.execPath, ...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, LAYER_ELEVATED: '1' },
    stdio: 'inherit',
  });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
