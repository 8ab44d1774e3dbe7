import packageJson from '../../package.json' with { type: 'json' };
import { nodeHost } from '../node-host.ts';
import { refusal } from '../world/refusal.ts';
import { isSystemError } from '../world/system-error.ts';
import { dispatch } from './dispatch.ts';
import { exit } from '../exit.ts';

/** The composition root: the real host, signals, and what happens when `layer` itself is wrong. */
async function main(): Promise<void> {
  const interruption = new AbortController();
  let interrupted = false;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (interrupted) process.exit(exit.interrupted);
      interrupted = true;
      interruption.abort();
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (problem: NodeJS.ErrnoException) => {
      if (problem.code !== 'EPIPE') throw problem;
      interruption.abort();
    });
  }
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  withoutSqliteWarning();

  const context = { host: nodeHost(), signal: interruption.signal, version: packageJson.version };
  const code = await dispatch(process.argv.slice(2), context);
  process.exitCode = interrupted ? exit.interrupted : code;
}

/** Ends `layer` where nobody inside knew what to do: the system refused something, or we are wrong. The stack is for those who look for it. */
function crash(problem: unknown): never {
  if (isSystemError(problem)) {
    console.error(`layer: ${refusal(problem)}`);
    if (process.env['LAYER_DEBUG']) console.error(problem.stack);
    process.exit(exit.hostFailed);
  }
  const message = problem instanceof Error ? problem.message : String(problem);
  const stack = problem instanceof Error ? (problem.stack ?? message) : message;
  console.error(`layer: this is a bug in layer, not in what you did: ${message.split('\n')[0]}`);
  console.error(process.env['LAYER_DEBUG'] ? stack : '  LAYER_DEBUG=1 shows where; please report it with what you ran');
  process.exit(exit.hostFailed);
}

/** Node warns that its sqlite is experimental, which a person who builds Layerfiles can do nothing about. Other warnings stay. */
function withoutSqliteWarning(): void {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (String(warning).includes('SQLite is an experimental feature')) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
}

main().catch(crash);
