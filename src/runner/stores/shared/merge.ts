import type { BlobKind, KeptBlob } from '../../remote.ts';
import { directoriesOf } from '../../snapshot-directories.ts';
import type { Instance, InstanceId } from '../../store.ts';
import type { IndexDocument } from './document.ts';
import { volumeIdOf, volumeName } from './names.ts';

/** In an index at most; the least recently used go first. */
const mostInstances = 1500;
/** Of a path's own volumes. */
const mostVolumes = 1;

/** What a run adds to an index. */
export type Additions = Omit<IndexDocument, 'scope'>;

/** Whether all of it is in an index already. */
export function holds(document: IndexDocument, { instances, volumes, bases }: Additions): boolean {
  const there = new Map(document.instances.map((one) => [one.id, one]));
  return (
    instances.every((one) => there.has(one.id)) &&
    Object.entries(volumes).every(
      ([id, one]) => document.volumes[id]?.isOwn === true || (!one.isOwn && id in document.volumes),
    ) &&
    Object.keys(bases).every((key) => Object.hasOwn(document.bases, key))
  );
}

/** An index with more in it, without what is `lost`, and without the oldest where it becomes too long. */
export function merged(
  before: IndexDocument,
  {
    additions,
    used,
    lost,
    now,
  }: {
    readonly additions: Additions;
    readonly used: ReadonlySet<InstanceId>;
    /** Digests of archives that are there in name only. */
    readonly lost: ReadonlySet<string>;
    /** Milliseconds since 1970. */
    readonly now: number;
  },
): IndexDocument {
  const layers = {
    ...Object.fromEntries(Object.entries(before.layers).filter(([digest]) => !lost.has(digest))),
    ...additions.layers,
  };
  const volumes = Object.fromEntries(
    Object.entries({ ...before.volumes, ...additions.volumes })
      .filter(([, one]) => Object.hasOwn(layers, one.layer))
      .map(([id, one]) => [id, { ...one, isOwn: one.isOwn || before.volumes[id]?.isOwn === true }]),
  );
  const isThere = (name: string): boolean => {
    const volume = volumeIdOf(name);
    return volume === null ? Object.hasOwn(layers, name) : Object.hasOwn(volumes, volume);
  };
  const known = new Set(before.instances.map((one) => one.id));
  const instances = [...before.instances, ...additions.instances.filter((one) => !known.has(one.id))].map((one) => ({
    ...one,
    ...(one.data !== null && !directoriesOf(one.data).every(isThere)
      ? { data: null, notKept: 'its files are gone from the shared store' }
      : {}),
    usedAt: used.has(one.id) ? now : one.usedAt,
  }));
  const bases = Object.fromEntries(
    Object.entries({ ...before.bases, ...additions.bases }).filter(([, one]) => Object.hasOwn(layers, one.layer)),
  );
  return trimmed({ scope: before.scope, instances, layers, volumes, bases });
}

/** Every blob that an index names, by what it is first named for. */
export function blobsOf({ layers, volumes, bases, instances }: IndexDocument): readonly KeptBlob[] {
  const kinds = new Map<string, BlobKind>();
  const note = (kind: BlobKind, digests: readonly string[]): void => {
    for (const digest of digests) if (!kinds.has(digest)) kinds.set(digest, kind);
  };
  note(
    'base',
    Object.values(bases).map((one) => one.layer),
  );
  note(
    'volume',
    Object.values(volumes).map((one) => one.layer),
  );
  note(
    'snapshot',
    instances.flatMap((one) => (one.data === null ? [] : directoriesOf(one.data))),
  );
  const blobs = new Map<string, KeptBlob>();
  for (const [digest, pieces] of Object.entries(layers)) {
    for (const piece of pieces) {
      if (!blobs.has(piece.digest)) blobs.set(piece.digest, { ...piece, kind: kinds.get(digest) ?? 'snapshot' });
    }
  }
  return [...blobs.values()];
}

/** Without the least recently used instances, and without what only those stood on. */
function trimmed(document: IndexDocument): IndexDocument {
  const kept = new Set(
    [...document.instances]
      .sort((a: Instance, b: Instance) => b.usedAt - a.usedAt)
      .slice(0, mostInstances)
      .map((one) => one.id),
  );
  const instances = document.instances.filter((one) => kept.has(one.id));
  const names = new Set(instances.flatMap((one) => (one.data === null ? [] : directoriesOf(one.data))));
  for (const id of newestOwn(document)) names.add(volumeName(id));
  const volumes = Object.fromEntries(Object.entries(document.volumes).filter(([id]) => names.has(volumeName(id))));
  const needed = new Set([
    ...names,
    ...[...Object.values(volumes), ...Object.values(document.bases)].map((one) => one.layer),
  ]);
  const layers = Object.fromEntries(Object.entries(document.layers).filter(([digest]) => needed.has(digest)));
  return { ...document, instances, layers, volumes };
}

function newestOwn({ volumes }: IndexDocument): readonly string[] {
  const byPath = new Map<string, string[]>();
  const own = Object.entries(volumes).filter(([, one]) => one.isOwn);
  for (const [id, one] of own.sort(([, a], [, b]) => b.createdAt - a.createdAt)) {
    byPath.set(one.path, [...(byPath.get(one.path) ?? []), id]);
  }
  return [...byPath.values()].flatMap((ids) => ids.slice(0, mostVolumes));
}
