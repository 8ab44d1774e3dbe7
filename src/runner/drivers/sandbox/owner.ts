import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { startTime } from './process-table.ts';

/** Who a machine's leftovers belong to, as a name: `layer-<pid>-<start time>-<boot>-<random>`. */
export function ownedName(): string {
  return `layer-${process.pid}-${startTime(process.pid) ?? 0}-${bootId()}-${randomBytes(4).toString('hex')}`;
}

/** Whether a name was given by `ownedName` in a process that is no more. Names of other origin are nobody's to clear. */
export function isOrphan(name: string): boolean {
  const parts = /^layer-(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{8}$/.exec(name);
  if (parts === null) return false;
  return parts[3] !== bootId() || startTime(Number(parts[1])) !== parts[2];
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
}
