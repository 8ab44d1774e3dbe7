import { DatabaseSync } from 'node:sqlite';

const patienceMs = 10_000;
const pauseMs = 10;
/** SQLITE_BUSY, see sqlite.org/rescode.html. */
const busy = 5;

/**
 * Opens or makes a database with a write-ahead log; waits for other processes up to ten seconds, then throws what SQLite throws.
 * Two connections that turn one new file to that log at once would wait for each other, so SQLite refuses one of them
 * without waiting (sqlite.org/c3ref/busy_handler.html): it is tried again.
 */
export function openWriteAhead(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: patienceMs });
  const until = Date.now() + patienceMs;
  for (;;) {
    try {
      database.exec('pragma journal_mode = wal; pragma synchronous = normal;');
      return database;
    } catch (error) {
      const isBusy = ((error as { errcode?: number }).errcode ?? 0) % 256 === busy;
      if (isBusy && Date.now() < until) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
        continue;
      }
      database.close();
      throw error;
    }
  }
}
