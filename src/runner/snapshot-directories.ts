import type { StackEntry } from './driver.ts';
import type { SnapshotData } from './store.ts';

/** The directories that a snapshot stands on, from the bottom up. */
export function directoriesOf(data: SnapshotData): readonly string[] {
  return data.stack.flatMap((entry) => (entry.kind === 'view' ? [] : [entry.directory]));
}

/** The same snapshot with each directory named otherwise. */
export function renameDirectories(data: SnapshotData, name: (directory: string) => string): SnapshotData {
  const stack = data.stack.map((entry): StackEntry =>
    entry.kind === 'view' ? entry : { ...entry, directory: name(entry.directory) },
  );
  return { ...data, stack };
}

/** Whether it holds the memory of a machine: that goes on only on the host that saved it, and never leaves it. */
export function holdsMemory(data: SnapshotData): boolean {
  return data.stack.some((entry) => entry.kind === 'machine');
}
