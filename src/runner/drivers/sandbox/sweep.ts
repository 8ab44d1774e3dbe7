import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findHierarchies, sweepCgroups } from './cgroup.ts';
import { isOrphan } from './owner.ts';

/**
 * Clears what machines of processes that are no more have left: their directories below `parent` (each holds a file `owner`), and control groups.
 * What was mounted is gone already: it lived in their namespaces. Returns the directories that were removed; safe against other runs.
 */
export async function sweepSandbox(parent: string): Promise<readonly string[]> {
  await sweepCgroups(findHierarchies(readFileSync('/proc/self/mountinfo', 'utf8')));
  const removed: string[] = [];
  for (const name of namesIn(parent)) {
    const directory = join(parent, name);
    const owner = ownerOf(directory);
    if (owner === null || !isOrphan(owner)) continue;
    await rm(directory, { recursive: true, force: true });
    removed.push(directory);
  }
  return removed;
}

function ownerOf(directory: string): string | null {
  try {
    return readFileSync(join(directory, 'owner'), 'utf8');
  } catch {
    return null;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
