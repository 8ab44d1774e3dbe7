import type { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { encodeName } from '../view/names.ts';
import type { FrozenFile } from '../view/tree.ts';

/** `changed`: the working file is no longer what was frozen. `damaged`: bytes that nobody may change cannot be read whole. */
export type BytesRead = { readonly bytes: number } | { readonly failure: 'changed' | 'damaged' };

const openLimit = 64;
/** Whatever has taken the file's place (a pipe, a link) must neither block nor lead elsewhere. */
const openFlags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW;

/** Reads frozen files. A file that is read in pieces stays open between them; at most 64 do. */
export class FileBytes {
  readonly #open = new Map<string, number>();

  /** Reads `sizeBytes` at `offset`, fewer only at the end of the file, into `out` at `at`. */
  read(
    file: FrozenFile,
    range: { readonly offset: number; readonly sizeBytes: number },
    target: { readonly out: Buffer; readonly at: number },
  ): BytesRead {
    const wanted = Math.max(0, Math.min(range.sizeBytes, file.sizeBytes - range.offset));
    const failure = file.kind === 'working' ? 'changed' : 'damaged';
    const whole = wanted === file.sizeBytes;
    let descriptor: number | null = null;
    try {
      descriptor = whole ? fs.openSync(systemPath(file.path), openFlags) : this.#keepOpen(file.path);
      let bytes = 0;
      while (bytes < wanted) {
        const read = fs.readSync(descriptor, target.out, target.at + bytes, wanted - bytes, range.offset + bytes);
        if (read === 0) return { failure };
        bytes += read;
      }
      return asFrozen(descriptor, file) ? { bytes } : { failure };
    } catch {
      return { failure };
    } finally {
      if (whole && descriptor !== null) fs.closeSync(descriptor);
    }
  }

  #keepOpen(path: string): number {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const descriptor = fs.openSync(systemPath(path), openFlags);
    this.#open.set(path, descriptor);
    for (const [oldest, other] of this.#open) {
      if (this.#open.size <= openLimit) break;
      this.#open.delete(oldest);
      fs.closeSync(other);
    }
    return descriptor;
  }
}

/** Bytes only where they must be: a text is quicker. */
function systemPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : encodeName(path);
}

/** What a time in milliseconds as a double may be off by: less than half a microsecond. */
const roundingMs = 0.0005;

/**
 * Whether an open file is the one that was frozen, untouched since then. Asked after its bytes were read: whatever touches a file sets its ctime to the
 * time of that, and a file that is frozen as it lies in the working tree had rested for two seconds.
 */
function asFrozen(descriptor: number, file: FrozenFile): boolean {
  if (file.kind === 'immutable') return true;
  const now = fs.fstatSync(descriptor);
  return (
    now.isFile() &&
    now.size === file.sizeBytes &&
    now.ino === Number(file.inode) &&
    Math.abs(now.ctimeMs - Number(file.ctimeNs) / 1e6) < roundingMs &&
    Math.abs(now.mtimeMs - Number(file.mtimeNs) / 1e6) < roundingMs
  );
}
