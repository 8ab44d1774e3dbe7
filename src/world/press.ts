import { createInterface } from 'node:readline/promises';
import type { Press } from '../runner/ports.ts';

/**
 * BUTTONs as a person at this terminal presses them: those given with `--press` (a message or the number of the BUTTON in the order of asking) at once,
 * others by a question where there is a terminal to ask at.
 */
export function terminalPress(given: readonly string[]): Press {
  let asked = 0;
  let turn: Promise<unknown> = Promise.resolve();
  return {
    ask(message, signal) {
      asked += 1;
      if (given.includes(message) || given.includes(String(asked))) return Promise.resolve('pressed');
      if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return Promise.resolve('nobody');
      const answer = turn.then(() => question(message, signal));
      turn = answer.catch(() => null);
      return answer;
    },
  };
}

async function question(message: string, signal: AbortSignal): Promise<'pressed' | 'nobody'> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    await prompt.question(`\nBUTTON ${message}\nPress Enter to go on. `, { signal });
    return 'pressed';
  } finally {
    prompt.close();
  }
}
