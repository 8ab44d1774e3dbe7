import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Something that is made once and named after what it is made from: made beside its place and renamed into it, so that what is there is whole.
 * When two make it at once, the first stays. Returns the path.
 */
export async function artifact(path: string, make: (staged: string) => Promise<void>): Promise<string> {
  if (await exists(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const staged = `${path}.${randomUUID()}`;
  try {
    await make(staged);
    await rename(staged, path).catch(async (error: unknown) => {
      if (!(await exists(path))) throw error;
    });
  } finally {
    await rm(staged, { recursive: true, force: true });
  }
  return path;
}

/** Whether something is at a path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
