import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BaseError } from '../failure.ts';
import { isCode } from '../program.ts';
import type { Descriptor } from './manifest.ts';
import { mayPass, pause, type Registry } from './registry.ts';

const attempts = 6;

/**
 * Brings a blob to `path`: whole and verified, or not at all. What an earlier attempt left in `path.part` is gone on with; a connection that
 * breaks is taken up again where it broke. Bytes that are not what the digest names are thrown away.
 */
export async function downloadBlob(parts: {
  readonly registry: Registry;
  readonly blob: Descriptor;
  readonly path: string;
  readonly received: (bytes: number) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { blob, path } = parts;
  await mkdir(dirname(path), { recursive: true });
  if (await isThere(path, blob)) {
    parts.received(blob.sizeBytes);
    return;
  }
  const partial = `${path}.part`;
  for (let attempt = 1; ; attempt += 1) {
    const before = await sizeOf(partial);
    try {
      await fetchOnce(parts, partial);
      await rename(partial, path);
      return;
    } catch (error) {
      if (!(error instanceof BaseError)) throw error;
      const wrong = error.failure.kind === 'corrupt' || error.failure.kind === 'malformed';
      if (wrong) await rm(partial, { force: true });
      // What an earlier run left may be at fault, not the registry: once more from the start.
      if (wrong && before > 0) continue;
      const gained = (await sizeOf(partial)) > before;
      if (!mayPass(error.failure) || (attempt >= attempts && !gained)) throw error;
      await pause(gained ? 1 : attempt, null, parts.signal);
    }
  }
}

async function fetchOnce(parts: Parameters<typeof downloadBlob>[0], partial: string): Promise<void> {
  const { registry, blob, received } = parts;
  const what = `blob ${blob.digest}`;
  const have = Math.min(await sizeOf(partial), blob.sizeBytes);
  let hash = createHash('sha256');
  if (have > 0) await hashFile(partial, have, hash);
  if (have < blob.sizeBytes || have === 0) {
    const { start, bytes } = await registry.blob(blob.digest, have, parts.signal);
    if (start === 0) hash = createHash('sha256');
    await using file = await open(partial, start === 0 ? 'w' : 'r+');
    await file.truncate(start);
    let at = start;
    received(start);
    for await (const chunk of bytes) {
      if (at + chunk.byteLength > blob.sizeBytes)
        throw new BaseError({ kind: 'malformed', what, why: 'it is longer than announced' });
      await file.write(chunk, 0, chunk.byteLength, at);
      hash.update(chunk);
      at += chunk.byteLength;
      received(chunk.byteLength);
    }
    if (at < blob.sizeBytes)
      throw new BaseError({ kind: 'unreachable', what, why: `it ended after ${at} of ${blob.sizeBytes} bytes` });
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== blob.digest) throw new BaseError({ kind: 'corrupt', what, expected: blob.digest, actual });
}

/** A blob of an earlier run counts only if its bytes still are what its name says. */
async function isThere(path: string, blob: Descriptor): Promise<boolean> {
  if ((await sizeOf(path)) !== blob.sizeBytes) return false;
  const hash = createHash('sha256');
  try {
    await hashFile(path, blob.sizeBytes, hash);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
  if (`sha256:${hash.digest('hex')}` === blob.digest) return true;
  await rm(path, { force: true });
  return false;
}

async function hashFile(path: string, length: number, hash: Hash): Promise<void> {
  if (length === 0) return;
  for await (const chunk of createReadStream(path, { end: length - 1 })) hash.update(chunk as Uint8Array);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return -1;
    throw error;
  }
}
