import { spawn } from 'node:child_process';
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream, lstatSync, readdirSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { Blob } from '../../remote.ts';

/** A layer as one file, and that file in the pieces that it is sent in. */
export interface Archive {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly path: string;
  readonly pieces: readonly (Blob & { readonly start: number })[];
}

/**
 * Packs a directory in overlay upper format: the same content is the same bytes. Whiteouts, opaque marks and file capabilities are kept; what overlayfs
 * notes about the origin of a copy means nothing on another machine.
 */
export async function packDirectory(
  directory: string,
  { path, pieceBytes, signal }: { readonly path: string; readonly pieceBytes: number; readonly signal: AbortSignal },
): Promise<Archive> {
  const tar = spawn('tar', [...tarOptions, '--create', '--sort=name', '--format=posix', deterministic, '.'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  const ended = exitOf(tar);
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  await Promise.all([pipeline(tar.stdout, compress, createWriteStream(path, { mode: 0o600 })), ended]);
  const { size } = await stat(path);
  const whole = createHash('sha256');
  const pieces: (Blob & { start: number })[] = [];
  for (let start = 0; start < size || start === 0; start += pieceBytes) {
    const end = Math.min(size, start + pieceBytes);
    const piece = createHash('sha256');
    if (end > start) {
      for await (const chunk of createReadStream(path, { start, end: end - 1 })) {
        whole.update(chunk as Uint8Array);
        piece.update(chunk as Uint8Array);
      }
    }
    pieces.push({ digest: named(piece), sizeBytes: end - start, start });
  }
  return { digest: named(whole), sizeBytes: size, path, pieces };
}

const deterministic = '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime';
const tarOptions = [
  '--numeric-owner',
  '--xattrs',
  '--xattrs-include=*',
  '--xattrs-exclude=trusted.overlay.origin',
  '--xattrs-exclude=trusted.overlay.impure',
];

/** Copies a piece of an archive into a file of its own; the archive itself where it is all of it. */
export async function pieceOf(archive: Archive, piece: Archive['pieces'][number], path: string): Promise<string> {
  if (archive.pieces.length === 1) return archive.path;
  const end = piece.start + piece.sizeBytes - 1;
  await pipeline(createReadStream(archive.path, { start: piece.start, end }), createWriteStream(path, { mode: 0o600 }));
  return path;
}

/** Whether a file holds exactly these bytes. */
export async function isBlob(path: string, { digest, sizeBytes }: Blob): Promise<boolean> {
  if ((await stat(path)).size !== sizeBytes) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return named(hash) === digest;
}

/**
 * Unpacks verified pieces into a directory that is not there yet: whole, or not at all. A sentence where the archive holds what no layer holds.
 */
export async function unpackInto(
  directory: string,
  { pieces, signal }: { readonly pieces: readonly string[]; readonly signal: AbortSignal },
): Promise<string | null> {
  const staging = `${directory}.part`;
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging, { recursive: true, mode: 0o700 });
  // tar itself refuses `..` and makes links that lead out only when all is unpacked.
  const tar = spawn(
    'tar',
    [
      ...tarOptions,
      '--extract',
      '--same-owner',
      '--same-permissions',
      '--delay-directory-restore',
      '--read-full-records',
    ],
    {
      cwd: staging,
      stdio: ['pipe', 'ignore', 'pipe'],
      signal,
    },
  );
  const ended = exitOf(tar);
  try {
    await Promise.all([feed(pieces, tar.stdin as Writable), ended]);
    const odd = deviceIn(Buffer.from(staging));
    if (odd !== null) throw new ArchiveError(`it holds the device ${JSON.stringify(odd)}`);
  } catch (error) {
    await ended.catch(() => {});
    await rm(staging, { recursive: true, force: true });
    signal.throwIfAborted();
    return error instanceof Error ? error.message : String(error);
  }
  await rename(staging, directory);
  return null;
}

/** Writes an archive into tar, which may stop reading at the archive's end, before the zeros that pad it: its exit says whether it had all. */
async function feed(pieces: readonly string[], stdin: Writable): Promise<void> {
  try {
    await pipeline(concatenated(pieces), createZstdDecompress(), stdin);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

class ArchiveError extends Error {
  override readonly name = 'ArchiveError';
}

/** The first device that is no whiteout. */
function deviceIn(directory: Buffer): string | null {
  for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.from('/'), entry.name]);
    if (entry.isDirectory()) {
      const found = deviceIn(path);
      if (found !== null) return found;
    } else if (entry.isBlockDevice() || (entry.isCharacterDevice() && lstatSync(path).rdev !== 0)) {
      return entry.name.toString();
    }
  }
  return null;
}

function concatenated(paths: readonly string[]): Readable {
  const out = new PassThrough();
  const write = async (): Promise<void> => {
    for (const path of paths) {
      await using file = await open(path);
      for await (const chunk of file.createReadStream({ autoClose: false })) {
        if (!out.write(chunk)) await new Promise((resolve) => out.once('drain', resolve));
      }
    }
    out.end();
  };
  write().catch((error: Error) => out.destroy(error));
  return out;
}

function exitOf(child: ReturnType<typeof spawn>): Promise<void> {
  let tail = '';
  child.stderr?.on('data', (chunk: Buffer) => (tail = `${tail}${chunk.toString()}`.slice(-500)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new ArchiveError(`tar ended with ${code}: ${tail.trim()}`)),
    );
  });
  ended.catch(() => {});
  return ended;
}

function named(hash: Hash): string {
  return `sha256:${hash.digest('hex')}`;
}
