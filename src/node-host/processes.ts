import { execFile } from 'node:child_process';
import { constants } from 'node:os';
import type { Processes } from '../host.ts';

/** Programs of the host. One that cannot be started ends with 127, one that a signal ended with 128 and its number, as in a shell. */
export const processes: Processes = {
  run([program, ...args], { cwd, input, signal } = {}) {
    return new Promise((resolve, reject) => {
      const options = { cwd, signal, encoding: 'utf8', maxBuffer: 1 << 30 } as const;
      const child = execFile(program, args, options, (error, stdout, stderr) => {
        if (signal?.aborted) return reject(signal.reason);
        if (error === null) return resolve({ code: 0, stdout, stderr });
        if (typeof error.code === 'number') return resolve({ code: error.code, stdout, stderr });
        const { signal: killedBy } = error;
        if (killedBy) return resolve({ code: 128 + constants.signals[killedBy], stdout, stderr });
        return resolve({ code: 127, stdout, stderr: `${program} cannot be started: ${error.message}` });
      });
      // Whoever does not read its input has decided so.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input ?? '');
    });
  },
};
