import { createHmac, timingSafeEqual } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { packObservations, unpackObservations } from '../../packed-observations.ts';
import { scopeText, type Blob, type Scope } from '../../remote.ts';
import type { Instance } from '../../store.ts';

/** Another number is another store: what older and newer versions of `layer` left is not looked at. Change it with `Instance`. */
export const documentFormat = 1;

/** A base machine that a remote store carries. */
export interface SharedBase {
  /** What a name was found to mean, as the store of base machines keeps it. */
  readonly record: unknown;
  /** The archive of its directory. */
  readonly layer: string;
}

/** Everything that a scope's runs left. */
export interface IndexDocument {
  readonly scope: Scope;
  /** Parents before children. In `data`, layers are named by digest instead of by directory. */
  readonly instances: readonly Instance[];
  /** The pieces that make up an archive, in order. */
  readonly layers: Readonly<Record<string, readonly Blob[]>>;
  readonly bases: Readonly<Record<string, SharedBase>>;
}

/** So that what is said to be small cannot fill the memory. */
const longestBytes = 256 * 1024 * 1024;
const digestPattern = /^sha256:[0-9a-f]{64}$/;

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
    const document = shape(json);
    if (document === null) return { wrong: 'it is damaged' };
    if (scopeText(document.scope) !== scopeText(scope)) return { wrong: `it is of ${document.scope.ref}` };
    return document;
  } catch {
    return { wrong: 'it is damaged' };
  }
}

function mac(body: Uint8Array, key: string): string {
  return createHmac('sha256', key).update(`layer index ${documentFormat}\n`).update(body).digest('hex');
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';

/** What is only JSON so far, as a document; null where it is none. */
function shape(json: unknown): IndexDocument | null {
  if (!isObject(json) || !isObject(json['scope']) || !isObject(json['layers']) || !isObject(json['bases'])) return null;
  const { repository, ref, trust } = json['scope'];
  if (!isText(repository) || !isText(ref) || (trust !== 'own' && trust !== 'fork')) return null;
  if (!Object.entries(json['layers']).every(([digest, pieces]) => digestPattern.test(digest) && isPieces(pieces)))
    return null;
  const layers = json['layers'] as IndexDocument['layers'];
  const known = (digest: unknown): boolean => isText(digest) && Object.hasOwn(layers, digest);
  for (const base of Object.values(json['bases'])) if (!isObject(base) || !known(base['layer'])) return null;
  if (!Array.isArray(json['instances'])) return null;
  const instances: Instance[] = [];
  for (const one of json['instances'] as unknown[]) {
    if (!isObject(one) || !isText(one['observations']) || !isInstance(one, known)) return null;
    const observations = unpackObservations(one['observations']);
    instances.push({ ...(one as unknown as Instance), observations });
  }
  return { scope: { repository, ref, trust }, instances, layers, bases: json['bases'] as IndexDocument['bases'] };
}

function isPieces(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    (value as unknown[]).every(
      (one) =>
        isObject(one) &&
        isText(one['digest']) &&
        digestPattern.test(one['digest']) &&
        Number.isSafeInteger(one['sizeBytes']) &&
        Number(one['sizeBytes']) >= 0,
    )
  );
}

function isInstance(one: Json, known: (digest: unknown) => boolean): boolean {
  if (!isText(one['id']) || !/^[0-9a-f]{32}$/.test(one['id'])) return false;
  if (!isText(one['parent']) || !/^([0-9a-f]{32}|[0-9a-f]{64})$/.test(one['parent'])) return false;
  if (!isText(one['key']) || !/^[0-9a-f]{64}$/.test(one['key'])) return false;
  if (!['title', 'layer', 'outputTail'].every((name) => isText(one[name]))) return false;
  if (!['durationMs', 'createdAt', 'usedAt', 'exitCode'].every((name) => Number.isFinite(one[name]))) return false;
  if (!Array.isArray(one['keyParts']) || !isObject(one['state'])) return false;
  const { data } = one;
  if (data === null) return true;
  if (!isObject(data) || !Array.isArray(data['stack'])) return false;
  return (data['stack'] as unknown[]).every(
    (entry) =>
      isObject(entry) && (entry['kind'] === 'view' || (entry['kind'] === 'layer' && known(entry['directory']))),
  );
}
