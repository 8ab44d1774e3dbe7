import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

/** Makes a file `image` that is one hole, for a machine's memory to be mapped from; its path. */
export async function emptyImage(directory: string, memoryBytes: number): Promise<string> {
  const path = join(directory, 'image');
  await using file = await open(path, 'wx', 0o600);
  await file.truncate(memoryBytes);
  await openForMapping(file);
  return path;
}

/**
 * QEMU opens the image it maps as if to write it, though a private mapping never does, and as a user of its own: which may, since nothing but the
 * descriptor that it inherits leads there. What it would write nonetheless shows in the digest.
 */
export async function openForMapping(file: FileHandle): Promise<void> {
  await file.chmod(0o666);
}
