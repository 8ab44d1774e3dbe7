import { constants } from 'node:os';
import type { Exit } from '../driver.ts';

const signalNames = new Map<number, string>(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** How a command ended, by wait(2)'s status; `starved`: meanwhile the kernel killed a process of the machine for want of memory. */
export function exitOf(status: { readonly code: number; readonly signal: number; readonly starved: boolean }): Exit {
  const { code, signal, starved } = status;
  if (starved && (signal > 0 || code !== 0)) {
    return { kind: 'out-of-memory', code: signal > 0 ? 128 + signal : code };
  }
  if (signal > 0) return { kind: 'signalled', signal: signalNames.get(signal) ?? `SIG${signal}` };
  return { kind: 'exited', code };
}
