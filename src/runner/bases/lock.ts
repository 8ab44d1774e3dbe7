import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { BaseError } from './failure.ts';

const pollMs = 200;
/** SQLITE_BUSY, see sqlite.org/rescode.html. */
const busy = 5;

/**
 * Holds a lock that any process on this host may want, until it is disposed. The lock is SQLite's own on the file, so the kernel gives it
 * up when the holder dies, however it dies. `waiting` is called once if somebody else holds it.
 */
export async function acquireLock(
  path: string,
  options: { readonly waiting: () => void; readonly signal: AbortSignal },
): Promise<Disposable> {
  await mkdir(dirname(path), { recursive: true });
  let told = false;
  for (;;) {
    if (options.signal.aborted) throw new BaseError({ kind: 'cancelled' });
    const lock = tryLock(path);
    if (lock) return lock;
    if (!told) options.waiting();
    told = true;
    await sleep(pollMs, null, { signal: options.signal }).catch(() => {});
  }
}

/** The lock, where nobody holds it now; null where somebody does. Its directory is there. */
export function tryLock(path: string): Disposable | null {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return { [Symbol.dispose]: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === busy) return null;
    throw error;
  }
}
