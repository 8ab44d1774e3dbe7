import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLayers } from '../../../../src/runner/bases/archive/unpack.ts';
import { BaseError, type BaseFailure } from '../../../../src/runner/bases/failure.ts';
import type { Credentials } from '../../../../src/registry/credentials.ts';
import { downloadImage, resolveImage } from '../../../../src/runner/bases/oci/image.ts';
import { parseReference } from '../../../../src/registry/reference.ts';
import { Registry } from '../../../../src/runner/bases/oci/registry.ts';
import { scratch } from '../../../support/scratch.ts';
import { startFlakyProxy } from '../support/flaky-proxy.ts';
import { Pusher, tarOf } from '../support/push.ts';
import { sha256, startRegistry, type RegistryServer } from '../support/registry-server.ts';

let server: RegistryServer;
beforeAll(async () => {
  server = await startRegistry('none');
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const env = process.env as Record<string, string>;

async function pull(
  name: string,
  options: {
    readonly directory?: string;
    readonly architecture?: string;
    readonly mirrors?: Readonly<Record<string, string>>;
    readonly credentials?: Credentials;
    readonly signal?: AbortSignal;
    readonly received?: (bytes: number, totalBytes: number) => void;
  } = {},
) {
  const reference = parseReference(name);
  if (!reference) throw new Error(`${name} is no reference`);
  const signal = options.signal ?? new AbortController().signal;
  const architecture = options.architecture ?? 'amd64';
  const directory = options.directory ?? scratch();
  const credentials = () => Promise.resolve(options.credentials ?? null);
  const registry = new Registry(reference, { mirrors: options.mirrors ?? {}, credentials, signal });
  const image = await resolveImage(registry, reference, architecture);
  const received = options.received ?? (() => {});
  const layers = await downloadImage({ registry, image, what: name, directory, architecture, env, received, signal });
  return { digest: image.digest, layers, tree: await readLayers({ layers, signal }) };
}

async function failure(work: Promise<unknown>): Promise<BaseFailure> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof BaseError) return error.failure;
  throw error ?? new Error('it succeeded');
}

const hello = async (text: string) => ({ tar: await tarOf([{ path: 'hello', text }]), compression: 'gzip' as const });

describe('an image of a real registry', () => {
  it('comes with its layers in order, whatever they are compressed with', async () => {
    const lower = await tarOf([
      { path: 'd', directory: true },
      { path: 'd/old', text: 'old' },
      { path: 'd/kept', text: 'kept' },
    ]);
    const upper = await tarOf([
      { path: 'd/.wh.old', text: '' },
      { path: 'd/new', text: 'new' },
    ]);
    const top = await tarOf([{ path: 'l', link: 'd/new' }]);
    const pushed = await new Pusher(server, 'a/layers').image('v1', {
      architecture: 'amd64',
      layers: [
        { tar: lower, compression: 'gzip' },
        { tar: upper, compression: 'zstd' },
        { tar: top, compression: 'none' },
      ],
    });
    const pulled = await pull(`${server.host}/a/layers:v1`);
    expect(pulled.digest).toBe(pushed.manifest.digest);
    expect(['d/old', 'd/kept', 'd/new', 'l'].map((path) => pulled.tree.has(path))).toEqual([false, true, true, true]);
    const again = await pull(`${server.host}/a/layers@${pushed.manifest.digest}`);
    expect(again.digest).toBe(pushed.manifest.digest);
  });

  it('is the one for this architecture', async () => {
    const pusher = new Pusher(server, 'a/multi');
    const images = [];
    for (const architecture of ['amd64', 'arm64']) {
      const { manifest } = await pusher.image(null, { architecture, layers: [await hello(architecture)] });
      images.push({
        ...manifest,
        platform: { os: 'linux', architecture, ...(architecture === 'arm64' ? { variant: 'v8' } : {}) },
      });
    }
    const attestation = { ...images[0], platform: { os: 'unknown', architecture: 'unknown' } };
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    await pusher.manifest('v1', { schemaVersion: 2, mediaType, manifests: [attestation, ...images] });
    expect((await pull(`${server.host}/a/multi:v1`)).digest).toBe(images[0]?.digest);
    expect((await pull(`${server.host}/a/multi:v1`, { architecture: 'arm64' })).digest).toBe(images[1]?.digest);
    expect(await failure(pull(`${server.host}/a/multi:v1`, { architecture: 'riscv64' }))).toEqual({
      kind: 'platform',
      what: `${server.host}/a/multi:v1`,
      wanted: 'linux/riscv64',
      has: ['linux/amd64', 'linux/arm64/v8'],
    });
    expect((await failure(pull(`${server.host}/a/multi@${images[1]?.digest}`))).kind).toBe('platform');
  });

  it('that does not exist is named', async () => {
    expect(await failure(pull(`${server.host}/a/nothing:v9`))).toEqual({
      kind: 'absent',
      what: `${server.host}/a/nothing:v9`,
    });
  });

  it('comes through a mirror', async () => {
    await new Pusher(server, 'library/small').image('1', { architecture: 'amd64', layers: [await hello('mirror')] });
    expect((await pull('small:1', { mirrors: { 'docker.io': `http://${server.host}` } })).tree.has('hello')).toBe(true);
  });
});

describe('bytes that are not what their digest names', () => {
  it('in a layer are refused, and not kept', async () => {
    const { layers } = await new Pusher(server, 'a/bad').image('v1', {
      architecture: 'amd64',
      layers: [await hello('x'.repeat(5000))],
    });
    const hex = layers[0]?.digest.slice('sha256:'.length) ?? '';
    const stored = join(server.storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    const bytes = readFileSync(stored);
    bytes.writeUInt8(bytes.readUInt8(40) ^ 0xff, 40);
    writeFileSync(stored, bytes);
    const directory = scratch();
    const failed = await failure(pull(`${server.host}/a/bad:v1`, { directory }));
    expect(failed).toMatchObject({ kind: 'corrupt', expected: layers[0]?.digest });
    expect(readdirSync(directory).filter((name) => name.startsWith(hex))).toEqual([]);
  });

  it('in a manifest are refused, whether a digest or a tag asked for it', async () => {
    const { manifest } = await new Pusher(server, 'a/tampered').image('v1', {
      architecture: 'amd64',
      layers: [await hello('m')],
    });
    await using proxy = await startFlakyProxy(server.host, (request) =>
      request.url?.includes('/manifests/') ? { append: ' ' } : null,
    );
    for (const name of [`@${manifest.digest}`, ':v1']) {
      const failed = await failure(pull(`${proxy.host}/a/tampered${name}`));
      expect(failed).toMatchObject({ kind: 'corrupt', expected: manifest.digest });
    }
  });

  it('and go on longer than announced are refused', async () => {
    await new Pusher(server, 'a/long').image('v1', { architecture: 'amd64', layers: [await hello('long')] });
    await using proxy = await startFlakyProxy(server.host, (request) =>
      request.url?.includes('/blobs/') ? { append: 'more' } : null,
    );
    const failed = await failure(pull(`${proxy.host}/a/long:v1`));
    expect(failed).toMatchObject({ kind: 'malformed', why: 'it is longer than announced' });
  });

  it('once decompressed are refused as well', async () => {
    const [layer, other] = [await hello('one'), await hello('two')];
    await new Pusher(server, 'a/diff').image('v1', {
      architecture: 'amd64',
      layers: [layer],
      diffIds: [sha256(other.tar)],
    });
    expect(await failure(pull(`${server.host}/a/diff:v1`))).toMatchObject({
      kind: 'corrupt',
      expected: sha256(other.tar),
    });
  });
});

describe('a network that breaks', () => {
  const big = async (path: string) => ({
    tar: await tarOf([{ path, text: randomBytes(600_000) }]),
    compression: 'none' as const,
  });

  it('is taken up where it broke', async () => {
    await new Pusher(server, 'a/cut').image('v1', { architecture: 'amd64', layers: [await big('x')] });
    let cuts = 0;
    await using proxy = await startFlakyProxy(server.host, (request) => {
      if (!request.url?.includes('/blobs/') || cuts >= 3) return null;
      cuts += 1;
      return { cutAfter: 150_000 };
    });
    let total = 0;
    const pulled = await pull(`${proxy.host}/a/cut:v1`, { received: (_, bytes) => (total = bytes) });
    expect(pulled.tree.has('x')).toBe(true);
    expect(total).toBeGreaterThan(600_000);
    const ranges = proxy.seen.filter((one) => one.range !== null).map((one) => one.range);
    expect(ranges.length).toBeGreaterThanOrEqual(2);
    for (const range of ranges) expect(range).toMatch(/^bytes=[1-9][0-9]*-$/);
  });

  it('in an earlier run leaves what it brought, and the next run goes on', async () => {
    const { layers } = await new Pusher(server, 'a/resume').image('v1', {
      architecture: 'amd64',
      layers: [await big('y')],
    });
    const directory = scratch();
    const hex = layers[0]?.digest.slice('sha256:'.length) ?? '';
    const aborter = new AbortController();
    await using proxy = await startFlakyProxy(server.host, (request) => {
      if (!request.url?.includes(hex)) return null;
      setTimeout(() => aborter.abort(), 200);
      return { cutAfter: 200_000 };
    });
    expect(await failure(pull(`${proxy.host}/a/resume:v1`, { directory, signal: aborter.signal }))).toEqual({
      kind: 'cancelled',
    });
    const kept = statSync(join(directory, `${hex}.part`)).size;
    expect(kept).toBeGreaterThan(0);
    await using open = await startFlakyProxy(server.host, () => null);
    await pull(`${open.host}/a/resume:v1`, { directory });
    expect(open.seen.find((one) => one.url.includes(hex))?.range).toBe(`bytes=${kept}-`);
    expect(existsSync(join(directory, hex))).toBe(true);
  });

  it('does not let a wrong beginning stay', async () => {
    const { layers } = await new Pusher(server, 'a/wrong').image('v1', {
      architecture: 'amd64',
      layers: [await big('z')],
    });
    const hex = layers[0]?.digest.slice('sha256:'.length) ?? '';
    const directory = scratch({ [`${hex}.part`]: 'not what it should be' });
    expect((await pull(`${server.host}/a/wrong:v1`, { directory })).tree.has('z')).toBe(true);
  });

  it('is asked again when the server is busy, and named when it stays so', async () => {
    await new Pusher(server, 'a/busy').image('v1', { architecture: 'amd64', layers: [await hello('busy')] });
    let refusals = 2;
    await using busy = await startFlakyProxy(server.host, () => (refusals-- > 0 ? { status: 503 } : null));
    expect((await pull(`${busy.host}/a/busy:v1`)).tree.has('hello')).toBe(true);
    await using dead = await startFlakyProxy(server.host, () => ({ status: 503 }));
    expect(await failure(pull(`${dead.host}/a/busy:v1`))).toMatchObject({
      kind: 'unreachable',
      why: 'the registry answered 503',
    });
    expect((await failure(pull('127.0.0.1:1/a/busy:v1'))).kind).toBe('unreachable');
  }, 60_000);
});

describe('a registry that wants to know who reads', () => {
  it('gets a token: anonymous for what everybody may read, with the login for the rest', async () => {
    await using guarded = await startRegistry('token');
    await new Pusher(guarded, 'public/x').image('v1', { architecture: 'amd64', layers: [await hello('public')] });
    await new Pusher(guarded, 'private/x').image('v1', { architecture: 'amd64', layers: [await hello('private')] });
    expect((await pull(`${guarded.host}/public/x:v1`)).tree.has('hello')).toBe(true);
    const name = `${guarded.host}/private/x:v1`;
    expect(await failure(pull(name))).toEqual({ kind: 'denied', what: name, registry: guarded.host });
    const credentials = { user: guarded.user, password: guarded.password };
    expect((await pull(name, { credentials })).tree.has('hello')).toBe(true);
    expect((await failure(pull(name, { credentials: { ...credentials, password: 'wrong' } }))).kind).toBe('denied');
  });
});
