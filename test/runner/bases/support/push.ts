import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { sha256, type RegistryServer } from './registry-server.ts';

/** A member of a layer: a file's text, a directory, a link or a hard link. */
export type LayerMember =
  | { readonly path: string; readonly text: string | Uint8Array; readonly mode?: number }
  | { readonly path: string; readonly directory: true }
  | { readonly path: string; readonly link: string }
  | { readonly path: string; readonly hardlink: string };

/** A tar of these members. */
export async function tarOf(members: readonly LayerMember[]): Promise<Uint8Array> {
  const tar = pack();
  for (const one of members) {
    if ('text' in one) tar.entry({ name: one.path, mode: one.mode ?? 0o644 }, Buffer.from(one.text));
    else if ('directory' in one) tar.entry({ name: one.path, type: 'directory', mode: 0o755 }).end(null);
    else if ('link' in one) tar.entry({ name: one.path, type: 'symlink', linkname: one.link }).end(null);
    else tar.entry({ name: one.path, type: 'link', linkname: one.hardlink }).end(null);
  }
  tar.finalize();
  return buffer(tar as unknown as AsyncIterable<Uint8Array>);
}

export type PushedLayer = { readonly tar: Uint8Array; readonly compression: 'gzip' | 'zstd' | 'none' };

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const suffix = { gzip: '+gzip', zstd: '+zstd', none: '' } as const;

function compress(layer: PushedLayer): Uint8Array {
  switch (layer.compression) {
    case 'gzip':
      return gzipSync(layer.tar);
    case 'zstd':
      return zstdCompressSync(layer.tar);
    case 'none':
      return layer.tar;
  }
}

/** Pushes through the distribution API, as any client does. */
export class Pusher {
  readonly #registry: RegistryServer;
  readonly #repository: string;

  constructor(registry: RegistryServer, repository: string) {
    this.#registry = registry;
    this.#repository = repository;
  }

  /** Pushes an image for an architecture; its manifest's descriptor and its layers' digests. `diffIds` overrides what the configuration says. */
  async image(
    tag: string | null,
    options: {
      readonly architecture: string;
      readonly layers: readonly PushedLayer[];
      readonly diffIds?: readonly string[];
    },
  ): Promise<{ readonly manifest: Descriptor; readonly layers: readonly Descriptor[] }> {
    const layers: Descriptor[] = [];
    for (const layer of options.layers) {
      const mediaType = `application/vnd.oci.image.layer.v1.tar${suffix[layer.compression]}`;
      layers.push(await this.#blob(mediaType, compress(layer)));
    }
    const config = JSON.stringify({
      architecture: options.architecture,
      os: 'linux',
      rootfs: { type: 'layers', diff_ids: options.diffIds ?? options.layers.map((layer) => sha256(layer.tar)) },
    });
    const configBlob = await this.#blob('application/vnd.oci.image.config.v1+json', Buffer.from(config));
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = await this.manifest(tag, { schemaVersion: 2, mediaType, config: configBlob, layers });
    return { manifest, layers };
  }

  /** Puts a manifest (an image's or an index's) under a tag, or under its digest only. */
  async manifest(
    tag: string | null,
    content: { readonly mediaType: string } & Readonly<Record<string, unknown>>,
  ): Promise<Descriptor> {
    const text = JSON.stringify(content);
    const digest = sha256(text);
    await this.#send('PUT', `/manifests/${tag ?? digest}`, text, { 'content-type': content.mediaType });
    return { mediaType: content.mediaType, digest, size: Buffer.byteLength(text) };
  }

  async #blob(mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
    const digest = sha256(bytes);
    const started = await this.#send('POST', '/blobs/uploads/', null, {});
    const location = new URL(started.headers.get('location') ?? '', `http://${this.#registry.host}`);
    location.searchParams.set('digest', digest);
    await this.#send('PUT', location.href, bytes, { 'content-type': 'application/octet-stream' });
    return { mediaType, digest, size: bytes.byteLength };
  }

  async #send(
    method: string,
    path: string,
    body: string | Uint8Array | null,
    headers: Record<string, string>,
  ): Promise<Response> {
    const url = path.startsWith('http') ? path : `http://${this.#registry.host}/v2/${this.#repository}${path}`;
    const authorization = this.#registry.authorization(this.#repository);
    const response = await fetch(url, {
      method,
      body: body as Uint8Array<ArrayBuffer> | string | null,
      headers: authorization === null ? headers : { ...headers, authorization },
    });
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
    return response;
  }
}
