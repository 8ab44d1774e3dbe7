import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeptBlob, Remote, Scope } from '../../../src/runner/remote.ts';
import { scratch } from '../../support/scratch.ts';

export const main: Scope = { repository: 'origin github.com/octo/gallery', ref: 'refs/heads/main', trust: 'own' };
export const topic: Scope = { ...main, ref: 'refs/heads/topic' };
const { signal } = new AbortController();

/** A file with these bytes, and what they are called. */
export function aBlob(text: string): KeptBlob & { readonly path: string } {
  const path = join(scratch(), 'blob');
  writeFileSync(path, text);
  return {
    digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
    sizeBytes: Buffer.byteLength(text),
    path,
    kind: 'snapshot',
  };
}

/** What every remote store holds to. `open` is a job's look at one service: it writes the first scope, and reads all. */
export function describeRemote(
  name: string,
  make: () => Promise<{ open(scopes: readonly Scope[]): Remote } & AsyncDisposable>,
): void {
  describe(`${name} as a remote store`, () => {
    it('gives back indexes and data, each scope its own', async () => {
      await using service = await make();
      const blob = aBlob('one '.repeat(5000));
      {
        await using writer = service.open([main]);
        expect(await writer.readIndex(main, signal)).toBe(null);
        const sent = await writer.store(blob, { scope: main, path: async () => blob.path, known: null }, signal);
        expect(sent).toBe(blob.sizeBytes);
        expect(await writer.store(blob, { scope: main, path: async () => blob.path, known: null }, signal)).toBe(0);
        await writer.writeIndex(main, { bytes: Buffer.from('first'), blobs: [blob] }, signal);
        await writer.writeIndex(main, { bytes: Buffer.from('second'), blobs: [blob] }, signal);
      }
      await using reader = service.open([topic, main]);
      expect(await reader.readIndex(topic, signal)).toBe(null);
      expect(Buffer.from((await reader.readIndex(main, signal)) ?? []).toString()).toBe('second');
      const path = join(scratch(), 'fetched');
      expect(await reader.fetch(blob, { scope: main, path }, signal)).toBe(true);
      expect(readFileSync(path, 'utf8')).toBe('one '.repeat(5000));
    });

    it('says so where data is gone', async () => {
      await using service = await make();
      await using reader = service.open([main]);
      const gone = aBlob('nobody stored this');
      expect(await reader.fetch(gone, { scope: main, path: join(scratch(), 'x') }, signal)).toBe(false);
    });

    it('sends nothing that a readable scope has', async () => {
      await using service = await make();
      const blob = aBlob('shared');
      await using writer = service.open([main]);
      await writer.store(blob, { scope: main, path: async () => blob.path, known: null }, signal);
      await writer.writeIndex(main, { bytes: Buffer.from('main'), blobs: [blob] }, signal);
      await using other = service.open([topic, main]);
      const never = () => Promise.reject(new Error('it was packed'));
      expect(await other.store(blob, { scope: topic, path: never, known: main }, signal)).toBe(0);
      await other.writeIndex(topic, { bytes: Buffer.from('topic'), blobs: [blob] }, signal);
      expect(Buffer.from((await other.readIndex(topic, signal)) ?? []).toString()).toBe('topic');
      expect(Buffer.from((await writer.readIndex(main, signal)) ?? []).toString()).toBe('main');
      expect(await other.fetch(blob, { scope: topic, path: join(scratch(), 'x') }, signal)).toBe(true);
    });
  });
}
