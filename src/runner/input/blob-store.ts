import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { blobPath } from '../view/manifest.ts';
import { hashOpen, openFile, sameContent, statPath, toDiskStat } from './disk.ts';
import type { DiskStat } from './disk.ts';

/** Contents by git's blob hash: files that nobody writes to again. Safe for several processes. */
export interface BlobStore {
  readonly directory: string;
  /** Whether a content is there whole. */
  has(digest: string, sizeBytes: number): boolean;
  /** Takes a copy of a file (sharing its blocks where the file system can) and hashes the copy, not the file. */
  copy(path: string): Copied;
  /** Keeps bytes whose hash is known to be `digest`. */
  put(digest: string, bytes: Uint8Array): void;
}

/** `stat` is the original's; `settled` says that it was the same before and after. `sizeBytes` is the copy's. */
export type Copied =
  | { readonly digest: string; readonly sizeBytes: number; readonly stat: DiskStat; readonly settled: boolean }
  | { readonly failure: 'absent' | 'denied' };

export function openBlobStore(directory: string): BlobStore {
  const stage = (): string => {
    const staged = `${directory}/new/${randomBytes(9).toString('hex')}`;
    mkdirSync(dirname(staged), { recursive: true, mode: 0o700 });
    return staged;
  };
  const has = (digest: string, sizeBytes: number): boolean => {
    const stat = statPath(blobPath(directory, digest));
    return stat?.kind === 'file' && stat.sizeBytes === sizeBytes;
  };
  const publish = (staged: string, digest: string): void => {
    const target = blobPath(directory, digest);
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    renameSync(staged, target);
  };

  return {
    directory,
    has,
    copy(path) {
      const opened = openFile(path);
      if (typeof opened === 'string') return { failure: opened };
      const staged = stage();
      try {
        const before = toDiskStat(fstatSync(opened.fd, { bigint: true }));
        if (before?.kind !== 'file') return { failure: 'absent' };
        // By descriptor: the name may be another file by now.
        copyFileSync(`/proc/self/fd/${opened.fd}`, staged, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
        chmodSync(staged, 0o600);
        const after = toDiskStat(fstatSync(opened.fd, { bigint: true }));
        const { digest, sizeBytes } = hashCopy(staged);
        if (!has(digest, sizeBytes)) publish(staged, digest);
        return { digest, sizeBytes, stat: before, settled: after !== null && sameContent(before, after) };
      } finally {
        closeSync(opened.fd);
        rmSync(staged, { force: true });
      }
    },
    put(digest, bytes) {
      if (has(digest, bytes.length)) return;
      const staged = stage();
      try {
        writeFileSync(staged, bytes, { mode: 0o600, flag: 'wx' });
        publish(staged, digest);
      } finally {
        rmSync(staged, { force: true });
      }
    },
  };
}

function hashCopy(path: string): { readonly digest: string; readonly sizeBytes: number } {
  const fd = openSync(path, 'r');
  try {
    const sizeBytes = fstatSync(fd).size;
    const digest = hashOpen(fd, sizeBytes);
    if (digest === null) throw new Error(`The copy ${path} changed while nobody else should have known it.`);
    return { digest, sizeBytes };
  } finally {
    closeSync(fd);
  }
}
