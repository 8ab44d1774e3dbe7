import { scopeText, type Blob, type Scope } from '../../remote.ts';
import type { Instance, InstanceId } from '../../store.ts';
import { readDocument, type IndexDocument, type SharedBase, type SharedVolume } from './document.ts';
import type { Link } from './link.ts';

/** A volume in an index, and whose index that is. */
export interface ListedVolume {
  readonly id: string;
  readonly scope: Scope;
  readonly volume: SharedVolume;
}

/** What the indexes of all readable scopes name. */
export interface Catalog {
  readonly instances: ReadonlyMap<InstanceId, Instance>;
  withKey(key: string): readonly Instance[];
  /** An archive's pieces, and in whose index they are; null where nobody has it. */
  archive(digest: string): { readonly scope: Scope; readonly pieces: readonly Blob[] } | null;
  base(key: string): SharedBase | null;
  volume(id: string): ListedVolume | null;
  /** The newest volume at each path that a scope (as text) saved. */
  newestVolumes(scope: string): readonly ListedVolume[];
  /** An archive that is there in name only. */
  lose(digest: string): void;
  readonly lost: ReadonlySet<string>;
}

/** How an index is read. */
export interface Reading {
  readonly link: Link;
  readonly key: string | null;
  /** Told of an index that cannot be believed: nothing in it is used. */
  readonly warn: (message: string) => void;
}

/** A scope's index; null where there is none that can be used. */
export async function readScope(
  scope: Scope,
  { reading: { link, key, warn }, signal }: { readonly reading: Reading; readonly signal: AbortSignal },
): Promise<IndexDocument | null> {
  const bytes = await link.ask((remote) => remote.readIndex(scope, signal), null);
  if (bytes === null) return null;
  const document = readDocument(bytes, { scope, key });
  if (document === null || !('wrong' in document)) return document;
  warn(`the results of ${scope.ref} in ${link.remote.title} are not used: ${document.wrong}`);
  return null;
}

/** Joins indexes, the own scope's first. `isRetired`: what this machine has found to be no result. */
export function openCatalog(documents: readonly IndexDocument[], isRetired: (id: InstanceId) => boolean): Catalog {
  const instances = new Map<InstanceId, Instance>();
  const byKey = new Map<string, Instance[]>();
  const lost = new Set<string>();
  for (const one of documents.flatMap((document) => document.instances)) {
    if (instances.has(one.id) || isRetired(one.id)) continue;
    instances.set(one.id, one);
    byKey.set(one.key, [...(byKey.get(one.key) ?? []), one]);
  }
  return {
    instances,
    lost,
    withKey: (key) => byKey.get(key) ?? [],
    archive(digest) {
      const document = lost.has(digest) ? null : documents.find((one) => Object.hasOwn(one.layers, digest));
      return document ? { scope: document.scope, pieces: document.layers[digest] ?? [] } : null;
    },
    base: (key) => documents.find((one) => Object.hasOwn(one.bases, key))?.bases[key] ?? null,
    volume(id) {
      const document = documents.find((one) => Object.hasOwn(one.volumes, id));
      const volume = document?.volumes[id];
      return document && volume ? { id, scope: document.scope, volume } : null;
    },
    newestVolumes(scope) {
      const document = documents.find((one) => scopeText(one.scope) === scope);
      const own = Object.entries(document?.volumes ?? {}).filter(([, volume]) => volume.isOwn);
      const sorted = own.sort(([, a], [, b]) => a.createdAt - b.createdAt);
      const newest = new Map(sorted.map(([id, volume]) => [volume.path, { id, volume }]));
      return document ? [...newest.values()].map((one) => ({ ...one, scope: document.scope })) : [];
    },
    lose: (digest) => void lost.add(digest),
  };
}
