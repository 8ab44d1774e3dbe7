import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { elevation, probePrivileges, thisHost } from '../../runner/drivers/sandbox/probe.ts';
import { exit } from '../../exit.ts';

/** Set for the process that has become root: which process it works for, as `<pid> <start time>`. */
export const elevatedFor = 'LAYER_ELEVATED_FOR';

/** What sudo would set to its own liking, and what `layer` and the programs that it starts need as the person has it. */
const kept = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'TMPDIR'] as const;

/**
 * Makes sure that machines can be made: null where this process may already, `failure` where there is no way, else the exit code of the same
 * command run as root (by sudo, else in a user namespace). Secrets are handed on in the environment, never in arguments.
 */
export async function elevate(environment: NodeJS.ProcessEnv): Promise<null | number | { readonly failure: string }> {
  const host = thisHost();
  const prefix = await elevation(host);
  if (prefix?.length === 0) return null;
  if (prefix === null || environment[elevatedFor] !== undefined) {
    const { detail, remedy } = await probePrivileges(host);
    return { failure: `${detail}${remedy === null ? '' : `\n  to mend it: ${remedy}`}` };
  }
  const set = kept.flatMap((name) => (environment[name] === undefined ? [] : [`${name}=${environment[name]}`]));
  const argv = [...prefix, 'env', ...set, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  return runAs(argv, { ...environment, [elevatedFor]: `${process.pid} ${startTimeOf(host.read, process.pid) ?? ''}` });
}

/** Runs it to its end on this process's terminal. What the terminal signals reaches both; what somebody else signals is handed on. */
function runAs(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, { stdio: 'inherit', env: environment });
  const fromTerminal = process.stdin.isTTY === true;
  const handlers = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => {
    const handler = (): void => {
      if (name === 'SIGTERM' || !fromTerminal) child.kill(name);
    };
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const off of handlers) off();
      if (signal === null) resolve(code ?? exit.hostFailed);
      else resolve(signal === 'SIGINT' ? exit.interrupted : 128 + constants.signals[signal]);
    });
  });
}

const watchMs = 500;

/** In the process that has become root: calls `gone` when the one it works for is no more, since through sudo nothing else tells. */
export function watchWhoElevated(environment: NodeJS.ProcessEnv, gone: () => void): void {
  const [pid, started] = environment[elevatedFor]?.split(' ') ?? [];
  if (pid === undefined || started === undefined) return;
  const { read } = thisHost();
  const timer = setInterval(() => {
    if (startTimeOf(read, Number(pid)) === started) return;
    clearInterval(timer);
    gone();
  }, watchMs).unref();
}

/** The 22nd field of proc(5)'s stat; the name before it may hold anything. */
function startTimeOf(read: (path: string) => string | null, pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
