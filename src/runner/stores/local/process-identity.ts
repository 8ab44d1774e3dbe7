import { readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with its number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot, as /proc says. */
  readonly started: string;
  readonly boot: string;
}

/** This boot of the kernel. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** When a process started; null where there is none. */
export function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold anything; the start time is the 22nd field.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

export function isAlive(one: ProcessIdentity, boot: string): boolean {
  return one.boot === boot && startTime(one.pid) === one.started;
}
