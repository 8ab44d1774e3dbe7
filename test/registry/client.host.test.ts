import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestOf, RegistryClient, RegistryError } from '../../src/registry/client.ts';
import { startRegistry, type RegistryServer } from '../runner/bases/support/registry-server.ts';
import { startFaultyProxy, type FaultyProxy, type ProxyFault } from '../support/faulty-proxy.ts';
import { scratch } from '../support/scratch.ts';

const signal = AbortSignal.timeout(120_000);
const megabyte = 1024 * 1024;

/** A blob of several chunks. */
function aBlob() {
  const bytes = randomBytes(40 * megabyte);
  const path = join(scratch(), 'blob');
  writeFileSync(path, bytes);
  return { digest: digestOf(bytes), sizeBytes: bytes.byteLength, path, bytes };
}

const clientOf = (
  { host }: FaultyProxy | RegistryServer,
  credentials: { user: string; password: string } | null = null,
) => new RegistryClient({ registry: host, credentials: async () => credentials });

/** The first request that it fits fails so. */
function once(proxy: FaultyProxy, fault: ProxyFault, fits: (method: string, path: string) => boolean): void {
  let left = true;
  proxy.fault = (method, path) => {
    if (!left || !fits(method, path)) return null;
    left = false;
    return fault;
  };
}

describe('the client of a registry', () => {
  it('goes on where a connection broke, in both directions', async () => {
    await using registry = await startRegistry('none');
    await using proxy = await startFaultyProxy(registry.host);
    const client = clientOf(proxy);
    const blob = aBlob();
    let chunks = 0;
    const second = (method: string): boolean => method === 'PATCH' && (chunks += 1) === 2;
    once(proxy, 'drop', second);
    await client.pushBlob('team/layer', blob, signal);
    // Only what had not come through was sent again.
    expect(proxy.bytes.sent).toBe(blob.sizeBytes);
    // A chunk that came through in part: this registry then wants the blob anew.
    chunks = 0;
    once(proxy, 'cut request', second);
    await client.pushBlob('team/again', blob, signal);
    expect(await client.hasBlob('team/again', blob.digest, signal)).toBe(true);
    expect(await client.hasBlob('team/layer', blob.digest, signal)).toBe(true);

    once(proxy, 'cut response', (method, path) => method === 'GET' && path.includes('/blobs/sha256'));
    const path = join(scratch(), 'fetched');
    const before = proxy.bytes.received;
    expect(await client.fetchBlob('team/layer', { ...blob, path }, signal)).toBe(true);
    expect(readFileSync(path).equals(blob.bytes)).toBe(true);
    // What a socket held when it broke is lost and came twice; all of it anew would be half a blob more.
    const again = proxy.bytes.received - before - blob.sizeBytes;
    expect(again).toBeGreaterThanOrEqual(0);
    expect(again).toBeLessThan(blob.sizeBytes / 4);
  });

  it('tries again what may pass, and nothing else', async () => {
    await using registry = await startRegistry('none');
    await using proxy = await startFaultyProxy(registry.host);
    const client = clientOf(proxy);
    for (const [fault, asked] of [
      [429, 2],
      [503, 2],
      [403, 1],
      [409, 1],
    ] as const) {
      proxy.requests.length = 0;
      once(proxy, fault, () => true);
      const answer = client.hasBlob('team/layer', digestOf(Buffer.from('nothing')), signal);
      if (asked === 2) expect(await answer).toBe(false);
      else await expect(answer).rejects.toThrow(RegistryError);
      expect(proxy.requests).toHaveLength(asked);
    }
  });

  it('logs in to push, also where a blob is taken over from another repository', async () => {
    await using registry = await startRegistry('token');
    const { user, password } = registry;
    const small = { digest: digestOf(Buffer.from('small')), path: join(scratch({ blob: 'small' }), 'blob') };
    const client = clientOf(registry, { user, password });
    await client.pushBlob('private/one', small, signal);
    expect(await client.mountBlob('private/two', { digest: small.digest, from: 'private/one' }, signal)).toBe(true);
    expect(await client.hasBlob('private/two', small.digest, signal)).toBe(true);
    await expect(clientOf(registry).pushBlob('team/layer', small, signal)).rejects.toThrow(
      'may not be read or written',
    );
    const wrong = clientOf(registry, { user, password: 'canary-0451-secret' });
    const refused = await wrong.pushBlob('team/layer', small, signal).catch((error: unknown) => String(error));
    expect(refused).toContain('the token service answered 401');
    expect(refused).not.toContain('canary');
  });
});
