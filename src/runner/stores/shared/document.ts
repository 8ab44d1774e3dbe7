import { createHmac, timingSafeEqual } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { GuestPath } from '../../../host.ts';
import { packObservations, unpackObservations } from '../../packed-observations.ts';
import { scopeText, type Blob, type Scope } from '../../remote.ts';
import type { Instance, MtimeTable } from '../../store.ts';
import { isDocument } from './document-shape.ts';

/** Another number is another store: what older and newer versions of `layer` left is not looked at. Change it with `Instance` and `Volume`. */
export const documentFormat = 2;

/** A base machine that a remote store carries. */
export interface SharedBase {
  /** What a name was found to mean, as the store of base machines keeps it. */
  readonly record: unknown;
  /** The archive of its directory. */
  readonly layer: string;
}

/** A CACHE volume that a remote store carries. */
export interface SharedVolume {
  readonly path: GuestPath;
  readonly at: GuestPath;
  /** The archive of its directory. */
  readonly layer: string;
  readonly mtimes: MtimeTable | null;
  readonly createdAt: number;
  /** Ids of those it stems from, the nearest first; not all. */
  readonly ancestors: readonly string[];
  /** A run of this scope saved it; the others are here because a snapshot stands on them. */
  readonly isOwn: boolean;
}

/** Everything that a scope's runs left. */
export interface IndexDocument {
  readonly scope: Scope;
  /** Parents before children. In `data`, directories have names (names.ts). */
  readonly instances: readonly Instance[];
  /** The pieces that make up an archive, in order, by its digest. */
  readonly layers: Readonly<Record<string, readonly Blob[]>>;
  readonly volumes: Readonly<Record<string, SharedVolume>>;
  readonly bases: Readonly<Record<string, SharedBase>>;
}

/** A scope where nothing is yet. */
export function emptyDocument(scope: Scope): IndexDocument {
  return { scope, instances: [], layers: {}, volumes: {}, bases: {} };
}

/** So that what is said to be small cannot fill the memory. */
const longestBytes = 256 * 1024 * 1024;

/** The document as bytes: a line with its format and its MAC (`-` without a key), then compressed JSON. */
export function writeDocument(document: IndexDocument, key: string | null): Uint8Array {
  const { instances, ...rest } = document;
  const packed = instances.map((one) => ({ ...one, observations: packObservations(one.observations) }));
  const body = zstdCompressSync(JSON.stringify({ ...rest, instances: packed }));
  return Buffer.concat([Buffer.from(`layer-index-${documentFormat} ${key === null ? '-' : mac(body, key)}\n`), body]);
}

/** Reads a document for a scope; a reason where it is another's, forged or damaged, and null where it is of another format. */
export function readDocument(
  bytes: Uint8Array,
  { scope, key }: { readonly scope: Scope; readonly key: string | null },
): IndexDocument | { readonly wrong: string } | null {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = text.indexOf('\n');
  const [, format, seal] = /^layer-index-(\d+) (\S+)$/.exec(text.toString('latin1', 0, Math.max(0, end))) ?? [];
  if (format === undefined || seal === undefined) return { wrong: 'it is damaged' };
  if (Number(format) !== documentFormat) return null;
  const body = text.subarray(end + 1);
  if (key !== null && !sameText(seal, mac(body, key))) return { wrong: 'it does not carry the MAC of LAYER_STORE_KEY' };
  try {
    const json = JSON.parse(zstdDecompressSync(body, { maxOutputLength: longestBytes }).toString('utf8')) as unknown;
    if (!isDocument(json)) return { wrong: 'it is damaged' };
    const { instances, ...rest } = json as Packed;
    if (scopeText(rest.scope) !== scopeText(scope)) return { wrong: `it is of ${rest.scope.ref}` };
    return {
      ...rest,
      instances: instances.map((one) => ({ ...one, observations: unpackObservations(one.observations) })),
    };
  } catch {
    return { wrong: 'it is damaged' };
  }
}

/** As it is in JSON. */
type Packed = Omit<IndexDocument, 'instances'> & {
  readonly instances: readonly (Omit<Instance, 'observations'> & { readonly observations: string })[];
};

function mac(body: Uint8Array, key: string): string {
  return createHmac('sha256', key).update(`layer index ${documentFormat}\n`).update(body).digest('hex');
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
