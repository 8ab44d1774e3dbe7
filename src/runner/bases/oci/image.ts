import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layer } from '../archive/unpack.ts';
import { BaseError } from '../failure.ts';
import { downloadBlob } from './download.ts';
import {
  choosePlatform,
  isArchiveLayer,
  parseConfig,
  parseManifest,
  printPlatform,
  type Descriptor,
  type Manifest,
} from './manifest.ts';
import { printReference, type ImageReference } from '../../../registry/reference.ts';
import type { Registry } from './registry.ts';

type ImageManifest = Extract<Manifest, { readonly kind: 'image' }>;

/** An image for one architecture, by the digest of its own manifest. */
export interface ResolvedImage {
  readonly digest: string;
  readonly manifest: ImageManifest;
}

/** Asks the registry which image a reference means now, on this architecture (as Go names it: amd64, arm64). */
export async function resolveImage(
  registry: Registry,
  reference: ImageReference,
  architecture: string,
): Promise<ResolvedImage> {
  const what = printReference(reference);
  const first = await readManifest(registry, reference.digest ?? reference.tag ?? 'latest', what);
  if (first.manifest.kind === 'image') return { digest: first.digest, manifest: first.manifest };
  const chosen = choosePlatform(first.manifest, architecture);
  if (chosen === null) {
    const has = first.manifest.images.flatMap(({ platform }) =>
      platform === null || platform.os === 'unknown' ? [] : [printPlatform(platform)],
    );
    throw new BaseError({ kind: 'platform', what, wanted: `linux/${architecture}`, has });
  }
  const second = await readManifest(registry, chosen.digest, what);
  if (second.manifest.kind === 'index')
    throw new BaseError({ kind: 'malformed', what, why: 'its index leads to another index' });
  return { digest: second.digest, manifest: second.manifest };
}

async function readManifest(
  registry: Registry,
  name: string,
  what: string,
): Promise<{ digest: string; manifest: Manifest }> {
  const { text, digest } = await registry.manifest(name);
  const manifest = parseManifest(text);
  if (typeof manifest === 'string') throw new BaseError({ kind: 'malformed', what, why: manifest });
  return { digest, manifest };
}

/** Downloads an image's configuration and layers into `directory` (by digest), all verified; the layers, lowest first. */
export async function downloadImage(parts: {
  readonly registry: Registry;
  readonly image: ResolvedImage;
  readonly what: string;
  readonly directory: string;
  readonly architecture: string;
  readonly env: Readonly<Record<string, string>>;
  readonly received: (bytes: number, totalBytes: number) => void;
  readonly signal: AbortSignal;
}): Promise<readonly Layer[]> {
  const { registry, image, what, directory, signal } = parts;
  const { config, layers } = image.manifest;
  const odd = layers.find((layer) => !isArchiveLayer(layer));
  if (odd)
    throw new BaseError({ kind: 'malformed', what, why: `a layer is of the type ${JSON.stringify(odd.mediaType)}` });

  const total = layers.reduce((sum, layer) => sum + layer.sizeBytes, config.sizeBytes);
  const received = (bytes: number): void => parts.received(bytes, total);
  const pathOf = (blob: Descriptor): string => join(directory, blob.digest.slice('sha256:'.length));
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const fetchBlob = (blob: Descriptor): Promise<void> =>
    downloadBlob({ registry, blob, path: pathOf(blob), received, signal: either });

  await fetchBlob(config);
  const configText = await readFile(pathOf(config), 'utf8');
  const architecture = architectureOf(configText);
  if (architecture !== null && architecture !== parts.architecture) {
    throw new BaseError({
      kind: 'platform',
      what,
      wanted: `linux/${parts.architecture}`,
      has: [`linux/${architecture}`],
    });
  }
  const settings = parseConfig(configText);
  if (typeof settings === 'string') throw new BaseError({ kind: 'malformed', what, why: settings });
  if (settings.diffIds.length !== layers.length) {
    throw new BaseError({
      kind: 'malformed',
      what,
      why: `${layers.length} layers, but ${settings.diffIds.length} diff_ids`,
    });
  }

  const distinct = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  const queue = [...distinct];
  const worker = async (): Promise<void> => {
    for (let blob = queue.shift(); blob; blob = queue.shift()) await fetchBlob(blob);
  };
  const workers = [worker(), worker(), worker()];
  try {
    await Promise.all(workers);
  } finally {
    stop.abort();
    await Promise.allSettled(workers);
  }

  return layers.map((layer, index) => ({
    file: { what: `${what}, layer ${index + 1}`, path: pathOf(layer), env: parts.env },
    diffId: settings.diffIds[index] ?? null,
  }));
}

function architectureOf(configText: string): string | null {
  const { architecture } = JSON.parse(configText) as Record<string, unknown>;
  return typeof architecture === 'string' && architecture !== '' ? architecture : null;
}
