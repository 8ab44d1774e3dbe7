import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { scopeText, type Scope } from '../../remote.ts';
import { directoriesOf, renameDirectories } from '../../snapshot-directories.ts';
import type { Instance, SnapshotData, TraceStore, Volume } from '../../store.ts';
import { isBlob, unpackInto } from './archive.ts';
import type { Catalog, ListedVolume } from './catalog.ts';
import type { Link } from './link.ts';
import { volumeIdOf, volumeName } from './names.ts';
import type { Sidecar } from './sidecar.ts';

/** What comes from a remote store to this machine, when it is needed and once. */
export interface Arrivals {
  /** An instance of a catalog with its directories where they are, or will be. */
  here(one: Instance): Promise<Instance>;
  isHere(data: SnapshotData): boolean;
  /** Brings what a snapshot stands on; why not, or null. */
  load(data: SnapshotData, signal: AbortSignal): Promise<string | null>;
  /** A listed volume, brought here and noted in the local store; null where it cannot be had. */
  volume(listed: ListedVolume, signal: AbortSignal): Promise<Volume | null>;
  /** The same where it is, or will be: what it is known by is enough. */
  listed(listed: ListedVolume): Promise<Volume>;
  /** Makes a directory, which is not there yet, of an archive; why not, or null. */
  unpack(digest: string, directory: string, signal: AbortSignal): Promise<string | null>;
}

/** Volumes that no run of a readable scope has saved: snapshots stand on them. */
const elsewhere = JSON.stringify(['', 'elsewhere']);

export function openArrivals({
  local,
  link,
  catalog,
  sidecar,
  transferPath,
  warn,
}: {
  readonly local: TraceStore;
  readonly link: Link;
  readonly catalog: Catalog;
  readonly sidecar: Sidecar;
  readonly transferPath: () => string;
  readonly warn: (message: string) => void;
}): Arrivals {
  /** Directories of this run by their names in indexes. */
  const directories = new Map<string, string>();
  /** Those that are still to be filled. */
  const pending = new Map<string, string>();
  const loading = new Map<string, Promise<string | null>>();

  const digestOf = (name: string): string => {
    const id = volumeIdOf(name);
    return id === null ? name : (catalog.volume(id)?.volume.layer ?? '');
  };
  const known = (name: string): string | null => {
    const id = volumeIdOf(name);
    return directories.get(name) ?? (id === null ? sidecar.pathOf(name) : sidecar.volumePath(id));
  };
  const directoryOf = async (name: string): Promise<string> => {
    const path = known(name);
    if (path !== null && (pending.has(path) || existsSync(path))) {
      directories.set(name, path);
      return path;
    }
    const fresh = join(await local.directory(), 'layer');
    directories.set(name, fresh);
    pending.set(fresh, name);
    return fresh;
  };

  const fetchPieces = async (
    digest: string,
    signal: AbortSignal,
  ): Promise<{ readonly paths: readonly string[] } | { readonly why: string }> => {
    const found = catalog.archive(digest);
    const paths: string[] = [];
    const drop = (why: string): { readonly why: string } => {
      for (const path of paths) rmSync(path, { force: true });
      return { why };
    };
    const { title } = link.remote;
    for (const piece of found?.pieces ?? []) {
      const path = transferPath();
      paths.push(path);
      const from = { scope: found?.scope as Scope, path };
      const there = await link.ask((remote) => remote.fetch(piece, from, signal), null);
      if (there === null) return drop(`${title} does not give it`);
      if (!there) return drop(`it is not in ${title} any more`);
      if (!existsSync(path) || !(await isBlob(path, piece))) {
        warn(`what ${title} has for ${piece.digest} is not what that names; it is not used`);
        return drop(`it is damaged in ${title}`);
      }
    }
    return paths.length === 0 ? drop('nobody has it') : { paths };
  };

  const unpack = async (digest: string, directory: string, signal: AbortSignal): Promise<string | null> => {
    const fetched = await fetchPieces(digest, signal);
    if ('why' in fetched) {
      catalog.lose(digest);
      return fetched.why;
    }
    try {
      const why = await unpackInto(directory, { pieces: fetched.paths, signal });
      if (why !== null) catalog.lose(digest);
      return why;
    } finally {
      for (const path of fetched.paths) rmSync(path, { force: true });
    }
  };

  const fill = (directory: string, name: string, signal: AbortSignal): Promise<string | null> => {
    const under = loading.get(directory);
    if (under) return under;
    const work = bring(directory, name, signal);
    loading.set(directory, work);
    return work;
  };

  const bring = async (directory: string, name: string, signal: AbortSignal): Promise<string | null> => {
    const digest = digestOf(name);
    const pieces = catalog.archive(digest)?.pieces ?? [];
    const why = await unpack(digest, directory, signal);
    if (why !== null) return why;
    pending.delete(directory);
    sidecar.note(directory, { digest, pieces });
    const id = volumeIdOf(name);
    const listed = id === null ? null : catalog.volume(id);
    if (listed !== null) await noteVolume(listed, directory);
    return null;
  };

  const noteVolume = async ({ id, scope, volume }: ListedVolume, directory: string): Promise<void> => {
    sidecar.noteVolume(id, { path: directory, ancestors: volume.ancestors });
    await local.publishVolume(volume.isOwn ? scopeText(scope) : elsewhere, asVolume({ id, volume }, directory));
  };

  return {
    unpack,
    async here(one) {
      if (one.data === null) return one;
      const names = directoriesOf(one.data);
      if (link.isCut || names.some((name) => catalog.lost.has(digestOf(name)))) {
        const there = names.every((name) => existsSync(known(name) ?? ''));
        if (!there) return { ...one, data: null, notKept: 'its files cannot be had' };
      }
      for (const name of names) await directoryOf(name);
      return { ...one, data: renameDirectories(one.data, (name) => directories.get(name) ?? '') };
    },
    isHere: (data) => directoriesOf(data).every((path) => !pending.has(path)),
    async load(data, signal) {
      const wanted = directoriesOf(data).flatMap((path) => {
        const name = pending.get(path);
        return name === undefined ? [] : [{ path, name }];
      });
      const failures = await Promise.all(wanted.map(({ path, name }) => fill(path, name, signal)));
      return failures.find((one) => one !== null) ?? null;
    },
    listed: async (listed) => asVolume(listed, await directoryOf(volumeName(listed.id))),
    async volume(listed, signal) {
      const name = volumeName(listed.id);
      const directory = await directoryOf(name);
      if (pending.has(directory) && (await fill(directory, name, signal)) !== null) return null;
      return asVolume(listed, directory);
    },
  };
}

/** A listed volume as a store knows it. */
export function asVolume({ id, volume }: Pick<ListedVolume, 'id' | 'volume'>, directory: string): Volume {
  const { path, at, mtimes, createdAt, ancestors } = volume;
  return { id, parent: ancestors[0] ?? null, path, directory, at, mtimes, createdAt, tainted: false };
}
