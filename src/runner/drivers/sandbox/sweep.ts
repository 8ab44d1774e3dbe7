import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findHierarchies, sweepCgroups } from './cgroup.ts';
import { machineScratch } from './machine-directory.ts';
import { isOrphan } from './owner.ts';

/**
 * Clears what machines of processes that are no more have left: control groups, and in their directories below `parent` (each holds a file
 * `owner`) everything but the layers they had made, which snapshots may stand on. What was mounted is gone already: it lived in their
 * namespaces. Returns the directories that were cleared; safe against other runs.
 */
export async function sweepSandbox(parent: string): Promise<readonly string[]> {
  await sweepCgroups(findHierarchies(readFileSync('/proc/self/mountinfo', 'utf8')));
  const cleared: string[] = [];
  for (const name of namesIn(parent)) {
    const directory = join(parent, name);
    const owner = ownerOf(directory);
    if (owner === null || !isOrphan(owner)) continue;
    // The owner's name goes last, so that whoever is stopped here is followed by somebody who goes on.
    for (const entry of machineScratch.filter((one) => one !== 'owner')) {
      await rm(join(directory, entry), { recursive: true, force: true });
    }
    await rm(join(directory, 'owner'), { force: true });
    cleared.push(directory);
  }
  return cleared;
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
