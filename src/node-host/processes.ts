import { constants } from 'node:os';
import type { Processes } from '../host.ts';

/** Programs of the host. One that cannot be started ends with 127, one that a signal ended with 128 and its number, as in a shell. */
export const processes: Processes = {
  async run([program, ...args], options = {}) {
    const { execa } = await import('execa');
    const result = await execa(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
      ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
      reject: false,
      stripFinalNewline: false,
      maxBuffer: 1 << 30,
    });
    options.signal?.throwIfAborted();
    const { stdout = '', stderr = '' } = result;
    if (result.exitCode !== undefined) return { code: result.exitCode, stdout, stderr };
    if (result.signal !== undefined) return { code: 128 + constants.signals[result.signal], stdout, stderr };
    return { code: 127, stdout, stderr: result.originalMessage ?? `${program} cannot be started` };
  },
};
