import { readFileSync, readlinkSync } from 'node:fs';

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

/** This boot and the process numbers it counts in: a container has its own, and cannot see those of others. */
export function processNamespace(): string {
  return `${bootId()} ${readlinkSync('/proc/self/ns/pid')}`;
}

/** How long somebody whom we cannot see is taken to be alive. */
const unseenMs = 12 * 3_600_000;

/** Whether a process lives, as far as can be told from here: one of another container does for half a day. */
export function isAlive(one: ProcessIdentity & { readonly opened_at: number }, here: string): boolean {
  if (one.boot === here) return startTime(one.pid) === one.started;
  return one.boot.split(' ')[0] === here.split(' ')[0] && Date.now() - one.opened_at < unseenMs;
}
