import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { extract, type Header } from 'tar-stream';
import { BaseError } from '../failure.ts';
import { isCode } from '../program.ts';
import type { ArchiveEntry } from './entry.ts';

export type Compression = 'none' | 'gzip' | 'zstd' | 'xz';

/** What an archive's first bytes say: RFC 1952, RFC 8878, the .xz file format 1.1; anything else is taken for a plain tar. */
export function sniffCompression(head: Uint8Array): Compression {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, index) => head[index] === byte);
  if (starts(0x1f, 0x8b)) return 'gzip';
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'zstd';
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00)) return 'xz';
  return 'none';
}

/** An archive on disk. */
export interface ArchiveFile {
  /** What messages call it. */
  readonly what: string;
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The bytes of an archive, decompressed. Ending the stream early ends whatever decompresses. */
export async function openArchive(file: ArchiveFile, signal: AbortSignal): Promise<Readable> {
  const compression = sniffCompression(await readHead(file));
  const raw = createReadStream(file.path, { highWaterMark: 1 << 20 });
  const out = new PassThrough({ highWaterMark: 1 << 20 });
  const fail = (why: string) => new BaseError({ kind: 'malformed', what: file.what, why });
  const broke = (error: Error): void => {
    if (!isCode(error, 'ERR_STREAM_PREMATURE_CLOSE'))
      out.destroy(error instanceof BaseError ? error : fail(error.message));
  };
  switch (compression) {
    case 'none':
      pipeline(raw, out, { signal }).catch(broke);
      return out;
    case 'gzip':
      pipeline(raw, createGunzip({ chunkSize: 1 << 18 }), out, { signal }).catch(broke);
      return out;
    case 'zstd':
      // Node's own decoder stops after the first frame; layers of some builders have many. The program reads them all.
      if (await startDecoder({ program: 'zstd', raw, out, file, signal })) return out;
      pipeline(raw, createZstdDecompress(), out, { signal }).catch(broke);
      return out;
    case 'xz':
      if (await startDecoder({ program: 'xz', raw, out, file, signal })) return out;
      raw.destroy();
      throw new BaseError({ kind: 'missing-tool', tool: 'xz', remedy: 'apt-get install xz-utils' });
  }
}

async function readHead(file: ArchiveFile): Promise<Uint8Array> {
  try {
    await using handle = await open(file.path, 'r');
    const { buffer, bytesRead } = await handle.read(new Uint8Array(6), 0, 6, 0);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if (isCode(error, 'ENOENT')) throw new BaseError({ kind: 'absent', what: file.what });
    if (isCode(error, 'EISDIR')) throw new BaseError({ kind: 'malformed', what: file.what, why: 'it is a directory' });
    throw error;
  }
}

/** Pipes through `<program> -dc`; false where it is not installed. */
function startDecoder(parts: {
  readonly program: 'xz' | 'zstd';
  readonly raw: Readable;
  readonly out: PassThrough;
  readonly file: ArchiveFile;
  readonly signal: AbortSignal;
}): Promise<boolean> {
  const { program, raw, out, file, signal } = parts;
  return new Promise((resolve) => {
    const child = spawn(program, ['-dc'], { stdio: ['pipe', 'pipe', 'pipe'], env: file.env, signal });
    let said = '';
    child.stderr.on('data', (chunk: Uint8Array) => (said = (said + Buffer.from(chunk).toString('utf8')).slice(-500)));
    child.once('spawn', () => {
      pipeline(raw, child.stdin).catch(() => {});
      child.stdout.pipe(out, { end: false });
      out.once('close', () => child.kill('SIGKILL'));
      resolve(true);
    });
    child.once('error', (error) => {
      if (isCode(error, 'ENOENT')) resolve(false);
      else out.destroy(error);
    });
    child.once('close', (code) => {
      if (code === 0) out.end();
      else out.destroy(new BaseError({ kind: 'malformed', what: file.what, why: said.trim() || `${program} failed` }));
    });
  });
}

/** A member of an archive and its bytes, which must be read or skipped (`resume()`) before the next one comes. */
export interface Member {
  readonly entry: ArchiveEntry;
  readonly bytes: Readable;
}

/** Walks the members of a tar stream in order. A broken archive throws a `BaseError`. */
export async function* members(stream: Readable, what: string): AsyncGenerator<Member> {
  const parser = extract();
  let broken: Error | null = null;
  stream.once('error', (error) => {
    broken = error;
    parser.destroy(error);
  });
  stream.pipe(parser as unknown as Writable);
  try {
    for await (const member of parser) {
      yield { entry: toEntry(member.header, what), bytes: member as unknown as Readable };
    }
  } catch (error) {
    if (error instanceof BaseError) throw error;
    if ((broken as unknown) instanceof BaseError) throw broken;
    throw new BaseError({ kind: 'malformed', what, why: error instanceof Error ? error.message : String(error) });
  } finally {
    stream.destroy();
  }
}

const xattrPrefix = 'SCHILY.xattr.';

/** Attributes that mean something in a machine: file capabilities, and what programs keep for themselves. */
function keptXattrs(pax: Readonly<Record<string, string>> | null): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(pax ?? {})) {
    const name = key.startsWith(xattrPrefix) ? key.slice(xattrPrefix.length) : '';
    if ((name === 'security.capability' || name.startsWith('user.')) && !value.includes('\uFFFD')) kept[name] = value;
  }
  return kept;
}

function toEntry(header: Header, what: string): ArchiveEntry {
  const kind = kindOf(header.type as Header['type'] | null);
  if (kind === null)
    throw new BaseError({ kind: 'refused', what, path: header.name, why: 'a member of an unknown type' });
  if (header.name.includes('\uFFFD')) {
    throw new BaseError({ kind: 'refused', what, path: header.name, why: 'a name that is not UTF-8' });
  }
  return {
    path: header.name,
    kind,
    mode: (header.mode ?? 0o644) & 0o7777,
    uid: header.uid ?? 0,
    gid: header.gid ?? 0,
    mtimeMs: header.mtime?.getTime() ?? 0,
    sizeBytes: kind === 'file' ? (header.size ?? 0) : 0,
    target: header.linkname ?? null,
    xattrs: keptXattrs((header.pax ?? null) as Readonly<Record<string, string>> | null),
  };
}

function kindOf(type: Header['type'] | null): ArchiveEntry['kind'] | null {
  switch (type) {
    case 'file':
    case 'contiguous-file':
      return 'file';
    case 'directory':
      return 'directory';
    case 'symlink':
      return 'link';
    case 'link':
      return 'hardlink';
    case 'character-device':
    case 'block-device':
      return 'device';
    case 'fifo':
      return 'fifo';
    case null:
      return null;
  }
}
