import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isSystemError } from './disk.ts';

/**
 * Puts bytes into a file that holds something which can be found out again: whole, for this user alone, in place of whatever was there, a directory too. A disk
 * that refuses (full, read-only, another kind of thing where the directory should be) is no error: nothing is kept then.
 */
export function keepWhole(file: string, bytes: Uint8Array | string): void {
  const staged = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(staged, bytes, { mode: 0o600, flag: 'wx' });
    put(staged, file);
  } catch (problem) {
    if (!isSystemError(problem)) throw problem;
    remove(staged);
  }
}

/** A file takes the place of a file or a link; a directory there has to go first. */
function put(staged: string, file: string): void {
  try {
    renameSync(staged, file);
  } catch (problem) {
    if (!isSystemError(problem) || problem.code !== 'EISDIR') throw problem;
    rmSync(file, { recursive: true, force: true });
    renameSync(staged, file);
  }
}

function remove(staged: string): void {
  try {
    rmSync(staged, { force: true });
  } catch {
    // `force` forgives that it is not there, and not that its directory is none.
  }
}
