import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, RegistryClient, RegistryError } from '../../registry/client.ts';
import type { Credentials } from '../../registry/credentials.ts';
import { isDigest, parseReference } from '../../registry/reference.ts';
import { RemoteFault, scopeText, type Blob, type Remote, type Scope } from '../remote.ts';

/** Media types of what is kept: an index of results (the traces of steps), and what it names, each a zstd-compressed tar. */
export const mediaTypes = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  artifact: 'application/vnd.layer.results.v1',
  index: 'application/vnd.layer.index.v2',
  snapshot: 'application/vnd.layer.snapshot.v1.tar+zstd',
  volume: 'application/vnd.layer.volume.v1.tar+zstd',
  base: 'application/vnd.layer.base.v1.tar+zstd',
  empty: 'application/vnd.oci.empty.v1+json',
} as const;

const tag = 'results';
const emptyConfig = Buffer.from('{}');

export interface RegistryRemoteOptions {
  /** `ghcr.io/owner/name`: scopes are repositories below it. */
  readonly name: string;
  readonly credentials: (registry: string) => Promise<Credentials | null>;
  /** An empty directory of this process. */
  readonly scratch: string;
}

/**
 * A remote store in an OCI registry. A scope is a repository of its own, so that the registry's own rights say who may write it; its tag `results` is a
 * manifest that names the index and every blob: to delete the tag is to give all of them to the registry's garbage collection. Null where `name` is no
 * registry and repository.
 */
export function registryRemote(options: RegistryRemoteOptions): Remote | null {
  const reference = parseReference(options.name);
  if (reference === null || reference.digest !== null || /:[^/]*$/.test(options.name.replace(/^[^/]*/, '')))
    return null;
  const client = new RegistryClient({ registry: reference.registry, credentials: options.credentials });
  const repositoryOf = (scope: Scope): string => `${reference.repository}/${repositoryName(scope)}`;
  const push = async (repository: string, bytes: Uint8Array, signal: AbortSignal): Promise<string> => {
    const digest = digestOf(bytes);
    if (await client.hasBlob(repository, digest, signal)) return digest;
    const path = join(options.scratch, digest.slice('sha256:'.length));
    await writeFile(path, bytes, { mode: 0o600 });
    await client.pushBlob(repository, { digest, path }, signal);
    return digest;
  };
  return {
    title: `the registry ${reference.registry}/${reference.repository}`,
    pieceBytes: Infinity,
    bytesPerSecond: 60e6,
    readIndex: (scope, signal) =>
      asFaults(async () => {
        const repository = repositoryOf(scope);
        const text = await client.manifest(repository, tag, mediaTypes.manifest, signal);
        if (text === null) return null;
        const index = indexOf(text);
        if (index === null) throw new RemoteFault('its manifest of results is not one of ours');
        const path = join(options.scratch, `index-${index.digest.slice('sha256:'.length)}`);
        const there = await client.fetchBlob(repository, { ...index, path }, signal);
        if (!there) return null;
        const bytes = await readFile(path);
        if (digestOf(bytes) !== index.digest) throw new RemoteFault('its index is not what its digest names');
        return bytes;
      }),
    writeIndex: (scope, { bytes, blobs }, signal) =>
      asFaults(async () => {
        const repository = repositoryOf(scope);
        const config = await push(repository, emptyConfig, signal);
        const index = await push(repository, bytes, signal);
        const manifest = {
          schemaVersion: 2,
          mediaType: mediaTypes.manifest,
          artifactType: mediaTypes.artifact,
          config: { mediaType: mediaTypes.empty, digest: config, size: emptyConfig.byteLength },
          layers: [
            { mediaType: mediaTypes.index, digest: index, size: bytes.byteLength },
            ...blobs.map(({ digest, sizeBytes, kind }) => ({ mediaType: mediaTypes[kind], digest, size: sizeBytes })),
          ],
          annotations: { 'dev.layer.ref': scope.ref },
        };
        const put = { tag, type: mediaTypes.manifest, bytes: Buffer.from(JSON.stringify(manifest)) };
        await client.putManifest(repository, put, signal);
      }),
    fetch: ({ digest, sizeBytes }, { scope, path }, signal) =>
      asFaults(() => client.fetchBlob(repositoryOf(scope), { digest, sizeBytes, path }, signal)),
    store: ({ digest, sizeBytes }, { scope, path, known }, signal) =>
      asFaults(async () => {
        const repository = repositoryOf(scope);
        if (await client.hasBlob(repository, digest, signal)) return 0;
        const from = known === null ? null : repositoryOf(known);
        if (from !== null && from !== repository && (await client.mountBlob(repository, { digest, from }, signal)))
          return 0;
        await client.pushBlob(repository, { digest, path: await path() }, signal);
        return sizeBytes;
      }),
    async [Symbol.asyncDispose]() {},
  };
}

/** Readable as far as a registry's names allow, and unique. */
function repositoryName(scope: Scope): string {
  const hash = createHash('sha256').update(scopeText(scope)).digest('hex').slice(0, 16);
  const words = scope.ref
    .toLowerCase()
    .replace(/^refs\/(heads\/)?/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return words === '' ? hash : `${words}-${hash}`;
}

function indexOf(manifest: Uint8Array): Blob | null {
  try {
    const { layers } = JSON.parse(Buffer.from(manifest).toString('utf8')) as { layers?: unknown };
    const all = Array.isArray(layers) ? (layers as Record<string, unknown>[]) : [];
    const found = all.find((one) => one['mediaType'] === mediaTypes.index);
    const digest = found?.['digest'];
    const size = found?.['size'];
    return typeof digest === 'string' && isDigest(digest) && typeof size === 'number'
      ? { digest, sizeBytes: size }
      : null;
  } catch {
    return null;
  }
}

async function asFaults<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RegistryError) throw new RemoteFault(error.message);
    throw error;
  }
}
