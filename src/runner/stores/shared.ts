import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { scopeText, type Remote, type Scope } from '../remote.ts';
import type { InstanceId, StepKey, TraceStore, Volume } from '../store.ts';
import { openArrivals } from './shared/arrivals.ts';
import { openCatalog, readScope, type ListedVolume } from './shared/catalog.ts';
import { sendWaiting, type WrittenBack } from './shared/departures.ts';
import type { SharedBase } from './shared/document.ts';
import { linkTo } from './shared/link.ts';
import { openSidecar } from './shared/sidecar.ts';

export type { WrittenBack } from './shared/departures.ts';
export type { SharedBase } from './shared/document.ts';

/** What a run may do with what others left. */
export interface Access {
  /** The own scope first, then those above it. */
  readonly reads: readonly Scope[];
  /** Null: nothing is written that a run elsewhere reads. */
  readonly writes: Scope | null;
}

export interface SharedStoreOptions {
  readonly local: TraceStore;
  readonly remote: Remote;
  readonly access: Access;
  /** On the local store's file system; several processes may share it. */
  readonly directory: string;
  /** `LAYER_STORE_KEY`: who has it vouches for what is written; null without one. */
  readonly key: string | null;
  /** Told once where the remote store fails, and once for each index or archive that cannot be believed. */
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
}

/** A directory that is shared beside the snapshots: a base machine. */
export interface SharedBases {
  base(key: string): SharedBase | null;
  /** Makes a directory, which is not there yet, of a base's archive; why not, or null. */
  fetch(base: SharedBase, directory: string, signal: AbortSignal): Promise<string | null>;
  /** To be sent at the end, where nobody has sent it yet. */
  offer(key: string, base: { readonly record: unknown; readonly directory: string }): void;
}

/** A store that reads through to a remote one, and writes back to it when asked. */
export interface SharedStore extends TraceStore {
  readonly bases: SharedBases;
  /**
   * Sends what this run, and earlier ones on this machine that did not come to it, made and used, as far as its scope may. Null where nothing may be
   * sent, or the remote store failed: then it waits for the next call, here or in another process.
   */
  writeBack(signal: AbortSignal): Promise<WrittenBack | null>;
}

/** Opens the indexes of all readable scopes. A remote store that fails is as if it were not there. */
export async function openSharedStore(options: SharedStoreOptions): Promise<SharedStore> {
  const { local, remote, access, signal } = options;
  const said = new Set<string>();
  const warn = (message: string): void => {
    if (said.has(message)) return;
    said.add(message);
    options.warn(message);
  };
  const transfer = join(options.directory, 'transfer');
  mkdirSync(transfer, { recursive: true, mode: 0o700 });
  let transfers = 0;
  const transferPath = (): string =>
    join(transfer, `${process.pid}-${(transfers += 1)}-${Math.random().toString(36).slice(2)}`);

  const link = linkTo(remote, warn);
  const reading = { link, key: options.key, warn };
  const documents = await Promise.all(access.reads.map((scope) => readScope(scope, { reading, signal })));
  const sidecar = openSidecar(options.directory, remote.pieceBytes);
  const catalog = openCatalog(
    documents.flatMap((one) => (one === null ? [] : [one])),
    (id) => sidecar.retired(id),
  );
  const arrivals = openArrivals({ local, link, catalog, sidecar, transferPath, warn });

  const own = access.writes === null ? null : scopeText(access.writes);
  /** What was skipped, and what was taken over from the remote store. */
  const used = new Set<InstanceId>();
  const imported = new Set<InstanceId>();
  const keys = new Map<InstanceId, StepKey>();

  /** Notes a remote instance, and those before it, on this machine: without them what came after them would be nobody's. */
  const takeIn = async (id: InstanceId): Promise<void> => {
    const listed = catalog.instances.get(id);
    if (!listed || imported.has(id)) return;
    await takeIn(listed.parent);
    const mine = (await local.candidates(listed.key)).find((one) => one.id === id);
    if (mine && (mine.data !== null || listed.data === null)) {
      imported.add(id);
      return;
    }
    const one = await arrivals.here(listed);
    const whole = one.data === null || arrivals.isHere(one.data);
    if (whole) imported.add(id);
    await local.insert(whole ? one : { ...one, data: null });
  };

  /** A listed volume, where it is newer than what is here. */
  const newer = (listed: ListedVolume | undefined, mine: Volume | null): ListedVolume | null =>
    listed && (mine === null || listed.volume.createdAt > mine.createdAt) ? listed : null;

  return {
    ...local,
    async candidates(key) {
      const mine = await local.candidates(key);
      const found = new Map(mine.map((one) => [one.id, one]));
      for (const one of catalog.withKey(key)) {
        if (sidecar.retired(one.id)) continue;
        const known = found.get(one.id);
        if (known === undefined || known.data === null) found.set(one.id, await arrivals.here(one));
      }
      const all = [...found.values()];
      for (const one of all) keys.set(one.id, key);
      return all.length === mine.length ? all : all.sort((a, b) => b.createdAt - a.createdAt);
    },
    async siblings(parent, layer) {
      const mine = await local.siblings(parent, layer);
      const others = [...catalog.instances.values()].filter(
        (one) => one.layer === layer && (parent === null ? one.first : one.parent === parent),
      );
      return [...mine, ...others.map(({ title, keyParts }) => ({ title, keyParts }))].slice(0, 20);
    },
    async load(data, stop) {
      const why = await arrivals.load(data, stop);
      return why === null ? local.load(data, stop) : `an earlier snapshot could not be brought here: ${why}`;
    },
    async insert(instance) {
      await takeIn(instance.parent);
      const stored = await local.insert(instance);
      // A machine in which a step failed is of use where it stands only.
      if (stored.stored && own !== null && instance.exitCode === 0) sidecar.put(own, instance);
      return stored;
    },
    async retire(ids) {
      for (const id of ids) if (catalog.instances.has(id)) sidecar.retire(id);
      await local.retire(ids);
    },
    async touch(ids) {
      for (const id of ids) {
        used.add(id);
        await takeIn(id);
        const key = keys.get(id);
        if (own !== null && key !== undefined && !catalog.instances.has(id)) sidecar.put(own, { id, key });
      }
      await local.touch(ids);
    },
    async volume(scope, path) {
      const mine = await local.volume(scope, path);
      const listed = catalog.newestVolumes(scope).find((one) => one.volume.path === path);
      const found = newer(listed, mine);
      return (found && (await arrivals.volume(found, signal))) ?? mine;
    },
    async newestVolumes(scope) {
      const mine = await local.newestVolumes(scope);
      const byPath = new Map(mine.map((one) => [one.path, one]));
      for (const listed of catalog.newestVolumes(scope)) {
        const found = newer(listed, byPath.get(listed.volume.path) ?? null);
        if (found) byPath.set(found.volume.path, await arrivals.listed(found));
      }
      return [...byPath.values()];
    },
    async descends(volume, ancestor) {
      return (await local.descends(volume, ancestor)) || sidecar.ancestors(volume).includes(ancestor);
    },
    async publishVolume(scope, volume) {
      const ancestors = volume.parent === null ? [] : [volume.parent];
      sidecar.noteVolume(volume.id, { path: volume.directory, ancestors });
      return local.publishVolume(scope, volume);
    },
    bases: {
      base: (key) => catalog.base(key),
      fetch: (base, directory, stop) => arrivals.unpack(base.layer, directory, stop),
      offer: (key, base) => {
        if (own !== null && catalog.base(key) === null) sidecar.putBase(own, { key, ...base });
      },
    },
    async writeBack(stop) {
      const scope = access.writes;
      if (scope === null) return null;
      const { reads } = access;
      const { isHere } = arrivals;
      const sending = { local, reading, catalog, sidecar, scope, reads, isHere, used, transferPath, signal: stop };
      try {
        return await link.ask((one) => sendWaiting({ ...sending, remote: one }), null);
      } catch (error) {
        if (stop.aborted) return null;
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      for (const id of used) await takeIn(id);
      sidecar[Symbol.dispose]();
      await remote[Symbol.asyncDispose]();
      await local[Symbol.asyncDispose]();
    },
  };
}
