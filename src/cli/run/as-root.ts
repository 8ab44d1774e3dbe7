import type { ExitCode } from '../../exit.ts';
import type { Context } from '../command.ts';
import { elevate, watchWhoElevated } from './elevate.ts';

/**
 * Makes sure that a command may do what it needs: null where it may go on here, else the exit code of the same command run as root. `store`: results that
 * root has made are read or deleted; where nobody can become root there are none. `machines`: machines are made; why not is printed where that cannot be.
 */
export async function asRoot(name: string, needs: 'store' | 'machines', { host }: Context): Promise<ExitCode | null> {
  const elevated = await elevate(host.environment);
  if (typeof elevated === 'number') return elevated as ExitCode;
  if (elevated !== null && needs === 'machines') {
    host.terminal.error(`layer ${name}: this host cannot run machines: ${elevated.failure}\n`);
    return 3;
  }
  watchWhoElevated(host.environment, () => process.kill(process.pid, 'SIGTERM'));
  return null;
}
