import * as core from '@actions/core';
import { exit } from '../exit.ts';
import { refusal } from '../world/refusal.ts';
import { isSystemError } from '../world/system-error.ts';
import { whenLetGo } from './elevate.ts';

/** Aborted when the job is cancelled: the runner sends SIGINT, and SIGTERM 7.5 s later. Where this process is another's, also when that lets it go. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => controller.abort());
  whenLetGo(() => controller.abort());
  return controller.signal;
}

/** Runs a program of the action to its exit code; what nobody inside knew what to do with ends it with 3. */
export function endWith(main: () => Promise<number>): void {
  const crash = (problem: unknown): never => {
    const message = problem instanceof Error ? problem.message : String(problem);
    core.error(isSystemError(problem) ? refusal(problem) : `this is a bug in layer: ${message}`);
    if (problem instanceof Error) core.info(problem.stack ?? '');
    process.exit(exit.hostFailed);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  withoutSqliteWarning();
  main().then((code) => {
    // Not `process.exit`: standard output may be a pipe that is still to be written.
    process.exitCode = code;
  }, crash);
}

/** Node warns that its sqlite is experimental. Other warnings stay. */
function withoutSqliteWarning(): void {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (String(warning).includes('SQLite is an experimental feature')) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
}
