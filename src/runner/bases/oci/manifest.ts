import { isDigest } from '../../../registry/reference.ts';

/** A blob that something names: what it is, and the bytes it must be. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
}

/** A manifest as the registry gave it: an image, or an index of images by platform. */
export type Manifest =
  | { readonly kind: 'image'; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | {
      readonly kind: 'index';
      readonly images: readonly { readonly descriptor: Descriptor; readonly platform: Platform | null }[];
    };

/** What we accept for a manifest: OCI's types first, then Docker's. */
export const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;

type Json = Readonly<Record<string, unknown>>;

/** Reads a manifest (OCI image specification: manifest.md, image-index.md; Docker schema 2). A sentence where it is none. */
export function parseManifest(text: string): Manifest | string {
  const json = parseJson(text);
  if (json === null) return 'it is no JSON object';
  if (json['schemaVersion'] !== 2) return 'its schemaVersion is not 2';
  if (Array.isArray(json['manifests'])) {
    const images = [];
    for (const one of json['manifests'] as unknown[]) {
      const descriptor = parseDescriptor(one);
      if (descriptor === null) return 'an entry of the index has no valid digest and size';
      images.push({ descriptor, platform: parsePlatform((one as Json)['platform']) });
    }
    return { kind: 'index', images };
  }
  const config = parseDescriptor(json['config']);
  if (config === null || !Array.isArray(json['layers'])) return 'it is neither an image nor an index';
  const layers = (json['layers'] as unknown[]).map(parseDescriptor);
  const sound = layers.filter((one) => one !== null);
  return sound.length === layers.length
    ? { kind: 'image', config, layers: sound }
    : 'a layer has no valid digest and size';
}

/** An image's configuration, as far as unpacking needs it: the digests of its layers' decompressed bytes. */
export function parseConfig(text: string): { readonly diffIds: readonly string[] } | string {
  const rootfs = parseJson(text)?.['rootfs'];
  const ids: unknown = typeof rootfs === 'object' && rootfs !== null ? (rootfs as Json)['diff_ids'] : null;
  if (!Array.isArray(ids) || !ids.every((one) => typeof one === 'string' && isDigest(one)))
    return 'its configuration has no diff_ids';
  return { diffIds: ids as string[] };
}

/** The image of an index that runs on Linux on this architecture (as Go names it), the plainest variant first. */
export function choosePlatform(
  manifest: Extract<Manifest, { readonly kind: 'index' }>,
  architecture: string,
): Descriptor | null {
  const fitting = manifest.images.filter(
    ({ platform }) => platform?.os === 'linux' && platform.architecture === architecture,
  );
  const plain = fitting.find(({ platform }) => platform?.variant === null || platform?.variant === 'v8');
  return (plain ?? fitting[0])?.descriptor ?? null;
}

/** `linux/arm64/v8`. */
export function printPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, ...(platform.variant === null ? [] : [platform.variant])].join('/');
}

/** Whether a layer is an archive that we can unpack (not one of a foreign kind). */
export function isArchiveLayer(layer: Descriptor): boolean {
  return /\.tar(?:[.+](?:gzip|zstd))?$/.test(layer.mediaType) && !layer.mediaType.includes('foreign');
}

function parseDescriptor(value: unknown): Descriptor | null {
  if (typeof value !== 'object' || value === null) return null;
  const { mediaType, digest, size } = value as Json;
  if (typeof digest !== 'string' || !isDigest(digest)) return null;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return null;
  return { mediaType: typeof mediaType === 'string' ? mediaType : '', digest, sizeBytes: size };
}

function parsePlatform(value: unknown): Platform | null {
  if (typeof value !== 'object' || value === null) return null;
  const { os, architecture, variant } = value as Json;
  if (typeof os !== 'string' || typeof architecture !== 'string') return null;
  return { os, architecture, variant: typeof variant === 'string' && variant !== '' ? variant : null };
}

function parseJson(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}
