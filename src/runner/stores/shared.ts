import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { RemoteFault, type Blob, type Remote, type Scope } from '../remote.ts';
import { directoriesOf, holdsMemory, renameDirectories } from '../snapshot-directories.ts';
import type { Instance, InstanceId, SnapshotData, TraceStore } from '../store.ts';
import { isBlob, packDirectory, pieceOf, unpackInto, type Archive } from './shared/archive.ts';
import { readDocument, writeDocument, type IndexDocument, type SharedBase } from './shared/document.ts';
import { openSidecar } from './shared/sidecar.ts';
import { isWorth } from './shared/worth.ts';

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

/** What was sent, for a person. */
export interface WrittenBack {
  readonly instances: number;
  readonly bytes: number;
  /** Snapshots that were left out because bringing them back would take longer than making them again. */
  readonly unworthy: number;
  /** Results that secrets could be in: they stay here. */
  readonly tainted: number;
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
  /** Sends what this run made and used, as far as its scope may. Once. */
  writeBack(signal: AbortSignal): Promise<WrittenBack | null>;
}

/** In an index at most; the least recently used go first. */
const mostInstances = 1500;

/** Opens the indexes of all readable scopes. A remote store that fails is as if it were not there. */
export async function openSharedStore(options: SharedStoreOptions): Promise<SharedStore> {
  const { local, remote, access, signal } = options;
  mkdirSync(join(options.directory, 'transfer'), { recursive: true, mode: 0o700 });
  const sidecar = openSidecar(options.directory, remote.pieceBytes);
  let broken = false;
  /** What the remote store answers; `otherwise` where it fails, from then on without asking it. */
  const ask = async <T>(work: () => Promise<T>, otherwise: T): Promise<T> => {
    if (broken) return otherwise;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error;
      if (!broken) options.warn(`going on without ${remote.title}: ${error.message}`);
      broken = true;
      return otherwise;
    }
  };
  const readScope = async (scope: Scope): Promise<IndexDocument | null> => {
    const bytes = await ask(() => remote.readIndex(scope, signal), null);
    if (bytes === null) return null;
    const document = readDocument(bytes, { scope, key: options.key });
    if (document === null) return null;
    if ('instances' in document) return document;
    options.warn(`the results of ${scope.ref} in ${remote.title} are not used: ${document.wrong}`);
    return null;
  };
  const documents = (await Promise.all(access.reads.map(readScope))).flatMap((one) => (one === null ? [] : [one]));

  const instances = new Map<InstanceId, Instance>();
  const byKey = new Map<string, Instance[]>();
  for (const document of documents) {
    for (const one of document.instances) {
      if (instances.has(one.id) || sidecar.retired(one.id)) continue;
      instances.set(one.id, one);
      byKey.set(one.key, [...(byKey.get(one.key) ?? []), one]);
    }
  }
  const scopeWith = (digest: string): IndexDocument | null =>
    documents.find((one) => Object.hasOwn(one.layers, digest)) ?? null;

  /** Directories of this run by the digest of what is, or will be, in them. */
  const directories = new Map<string, string>();
  /** Those that are still to be filled. */
  const pending = new Map<string, string>();
  const lost = new Set<string>();
  const loading = new Map<string, Promise<string | null>>();
  /** All that was looked at in this run, by id; what was used of it, and what was made. */
  const seen = new Map<InstanceId, Instance>();
  const used = new Set<InstanceId>();
  const made: InstanceId[] = [];
  const imported = new Set<InstanceId>();
  const offered = new Map<string, { readonly record: unknown; readonly directory: string }>();
  let transfers = 0;
  const transferPath = (): string =>
    join(options.directory, 'transfer', `${process.pid}-${(transfers += 1)}-${Math.random().toString(36).slice(2)}`);

  const directoryOf = async (digest: string): Promise<string> => {
    const known = directories.get(digest) ?? sidecar.pathOf(digest);
    if (known !== null && (pending.has(known) || existsSync(known))) {
      directories.set(digest, known);
      return known;
    }
    const fresh = join(await local.directory(), 'layer');
    directories.set(digest, fresh);
    pending.set(fresh, digest);
    return fresh;
  };

  /** A remote instance with its layers where they are, or will be, on this machine. */
  const here = async (one: Instance): Promise<Instance> => {
    if (one.data === null) return one;
    const names = directoriesOf(one.data);
    if (broken || names.some((digest) => lost.has(digest))) {
      const there = names.every((digest) => existsSync(directories.get(digest) ?? sidecar.pathOf(digest) ?? ''));
      if (!there) return { ...one, data: null, notKept: 'its files cannot be had' };
    }
    for (const digest of names) await directoryOf(digest);
    return { ...one, data: renameDirectories(one.data, (digest) => directories.get(digest) ?? '') };
  };

  const fetchPieces = async (
    digest: string,
  ): Promise<{ readonly paths: readonly string[] } | { readonly why: string }> => {
    const document = scopeWith(digest);
    const paths: string[] = [];
    const drop = (why: string): { readonly why: string } => {
      for (const path of paths) rmSync(path, { force: true });
      return { why };
    };
    for (const piece of document?.layers[digest] ?? []) {
      const path = transferPath();
      paths.push(path);
      const from = { scope: (document as IndexDocument).scope, path };
      if (!(await ask(() => remote.fetch(piece, from, signal), false)))
        return drop(`it is not in ${remote.title} any more`);
      if (!existsSync(path) || !(await isBlob(path, piece))) {
        options.warn(`what ${remote.title} has for ${piece.digest} is not what that names; it is not used`);
        return drop(`it is damaged in ${remote.title}`);
      }
    }
    return paths.length === 0 ? drop('nobody has it') : { paths };
  };

  const fill = async (digest: string, directory: string, stop: AbortSignal): Promise<string | null> => {
    const fetched = await fetchPieces(digest);
    if ('why' in fetched) return fetched.why;
    try {
      return await unpackInto(directory, { pieces: fetched.paths, signal: stop });
    } finally {
      for (const path of fetched.paths) rmSync(path, { force: true });
    }
  };

  const loadLayer = (directory: string, digest: string, stop: AbortSignal): Promise<string | null> => {
    const known = loading.get(directory);
    if (known) return known;
    const work = fill(digest, directory, stop).then((why) => {
      if (why !== null) {
        lost.add(digest);
        return why;
      }
      pending.delete(directory);
      const pieces = scopeWith(digest)?.layers[digest] ?? [];
      sidecar.note(directory, { digest, pieces });
      return null;
    });
    loading.set(directory, work);
    return work;
  };

  const isHere = (data: SnapshotData): boolean => directoriesOf(data).every((path) => !pending.has(path));

  /** Notes a remote instance, and those before it, on this machine: without them what came after them would be nobody's. */
  const takeIn = async (id: InstanceId): Promise<void> => {
    const remoteOne = instances.get(id);
    if (!remoteOne || imported.has(id)) return;
    await takeIn(remoteOne.parent);
    const mine = (await local.candidates(remoteOne.key)).find((one) => one.id === id);
    if (mine && (mine.data !== null || remoteOne.data === null)) {
      imported.add(id);
      return;
    }
    const one = await here(remoteOne);
    const whole = one.data === null || isHere(one.data);
    if (whole) imported.add(id);
    await local.insert(whole ? one : { ...one, data: null });
  };

  const store: SharedStore = {
    ...local,
    async candidates(key) {
      const own = await local.candidates(key);
      const found = new Map(own.map((one) => [one.id, one]));
      for (const one of byKey.get(key) ?? []) {
        if (sidecar.retired(one.id)) continue;
        const mine = found.get(one.id);
        if (mine === undefined || mine.data === null) found.set(one.id, await here(one));
      }
      const all = [...found.values()];
      for (const one of all) seen.set(one.id, one);
      return all.length === own.length ? all : all.sort((a, b) => b.createdAt - a.createdAt);
    },
    async siblings(parent, layer) {
      const own = await local.siblings(parent, layer);
      const others = [...instances.values()].filter(
        (one) => one.layer === layer && (parent === null ? one.first : one.parent === parent),
      );
      return [...own, ...others.map(({ title, keyParts }) => ({ title, keyParts }))].slice(0, 20);
    },
    async load(data, stop) {
      const wanted = directoriesOf(data).flatMap((path) => {
        const digest = pending.get(path);
        return digest === undefined ? [] : [{ path, digest }];
      });
      const failures = await Promise.all(wanted.map(({ path, digest }) => loadLayer(path, digest, stop)));
      const why = failures.find((one) => one !== null);
      return why === undefined ? local.load(data, stop) : `an earlier snapshot could not be brought here: ${why}`;
    },
    async insert(instance) {
      await takeIn(instance.parent);
      const stored = await local.insert(instance);
      if (stored.stored) {
        seen.set(instance.id, instance);
        made.push(instance.id);
      }
      return stored;
    },
    async retire(ids) {
      for (const id of ids) if (instances.has(id)) sidecar.retire(id);
      await local.retire(ids);
    },
    async touch(ids) {
      for (const id of ids) used.add(id);
      for (const id of ids) await takeIn(id);
      await local.touch(ids);
    },
    bases: {
      base: (key) => documents.find((one) => Object.hasOwn(one.bases, key))?.bases[key] ?? null,
      fetch: (base, directory, stop) => fill(base.layer, directory, stop),
      offer: (key, base) => void offered.set(key, base),
    },
    async writeBack(stop) {
      const scope = access.writes;
      if (scope === null || broken) return null;
      const written = await ask(() => sendAll(scope, stop), null);
      return written;
    },
    async [Symbol.asyncDispose]() {
      for (const id of used) await takeIn(id);
      sidecar[Symbol.dispose]();
      await remote[Symbol.asyncDispose]();
      await local[Symbol.asyncDispose]();
    },
  };

  /** A directory as pieces that are in the remote store, sent where they are not; null where that is not worth it. */
  const send = async (
    directory: string,
    {
      scope,
      kept,
      savedMs,
      stop,
    }: {
      readonly scope: Scope;
      readonly kept: Map<string, readonly Blob[]>;
      readonly savedMs: number;
      readonly stop: AbortSignal;
    },
  ): Promise<{ readonly digest: string; readonly bytes: number } | 'unworthy'> => {
    let archive: Archive | null = null;
    const pack = async (): Promise<Archive> =>
      (archive ??= await packDirectory(directory, {
        path: transferPath(),
        pieceBytes: remote.pieceBytes,
        signal: stop,
      }));
    try {
      const known = sidecar.archiveOf(directory) ?? (await pack());
      sidecar.note(directory, known);
      const { digest, pieces } = known;
      if (kept.has(digest)) return { digest, bytes: 0 };
      const there = scopeWith(digest);
      const bytes = pieces.reduce((sum, one) => sum + one.sizeBytes, 0);
      if (there === null && !isWorth({ bytes, savedMs, bytesPerSecond: remote.bytesPerSecond })) return 'unworthy';
      let sent = 0;
      for (const [index, piece] of pieces.entries()) {
        const path = async (): Promise<string> => {
          const whole = await pack();
          const own = whole.pieces[index];
          if (own === undefined || own.digest !== piece.digest)
            throw new RemoteFault('a layer changed after it was kept');
          return pieceOf(whole, own, `${whole.path}.piece`);
        };
        sent += await remote.store(piece, { scope, path, known: there?.scope ?? null }, stop);
      }
      kept.set(
        digest,
        pieces.map((one) => ({ digest: one.digest, sizeBytes: one.sizeBytes })),
      );
      return { digest, bytes: sent };
    } finally {
      const path = (archive as Archive | null)?.path;
      if (path !== undefined) for (const name of [path, `${path}.piece`]) rmSync(name, { force: true });
    }
  };

  const sendAll = async (scope: Scope, stop: AbortSignal): Promise<WrittenBack> => {
    const before = (await readScope(scope)) ?? { scope, instances: [], layers: {}, bases: {} };
    if (broken) return { instances: 0, bytes: 0, unworthy: 0, tainted: 0 };
    const kept = new Map(Object.entries(before.layers));
    const there = new Map(before.instances.map((one) => [one.id, one]));
    const now = new Map(there);
    let [bytes, count, unworthy, tainted] = [0, 0, 0, 0];
    /** What has been spent since the last state that others can start from. */
    const sinceKept = new Map<string, number>();
    const out = new Set<InstanceId>();
    const wanted = [...[...used].filter((id) => !instances.has(id)), ...made];
    for (const id of inOrder(wanted, seen)) {
      const one = seen.get(id);
      if (!one || there.has(id)) continue;
      const spentMs = one.durationMs + (sinceKept.get(one.parent) ?? 0);
      if (isTainted(one) || out.has(one.parent)) {
        out.add(id);
        tainted += 1;
        continue;
      }
      let data: SnapshotData | null = null;
      const memory = one.data !== null && holdsMemory(one.data);
      if (one.data !== null && !memory && isHere(one.data)) {
        const digests = new Map<string, string>();
        let worth = true;
        for (const directory of directoriesOf(one.data)) {
          const sent = await send(directory, { scope, kept, savedMs: spentMs, stop });
          if (sent === 'unworthy') {
            worth = false;
            break;
          }
          bytes += sent.bytes;
          digests.set(directory, sent.digest);
        }
        if (worth) data = renameDirectories(one.data, (directory) => digests.get(directory) ?? '');
        else unworthy += 1;
      }
      sinceKept.set(id, data === null ? spentMs : 0);
      const unsent = memory
        ? 'the memory of a machine stays on the host that saved it'
        : 'its snapshot was not worth sending';
      const notKept = one.data !== null && data === null ? unsent : one.notKept;
      now.set(id, { ...one, data, notKept });
      count += 1;
    }
    const bases: Record<string, SharedBase> = { ...before.bases };
    for (const [key, { record, directory }] of offered) {
      if (documents.some((one) => Object.hasOwn(one.bases, key))) continue;
      const sent = await send(directory, { scope, kept, savedMs: Infinity, stop });
      if (sent === 'unworthy') continue;
      bytes += sent.bytes;
      bases[key] = { record, layer: sent.digest };
    }
    if (count > 0 || Object.keys(bases).length > Object.keys(before.bases).length) {
      const document = trimmed({ scope, instances: [...now.values()], layers: Object.fromEntries(kept), bases }, used);
      const blobs = new Map(Object.values(document.layers).flatMap((pieces) => pieces.map((one) => [one.digest, one])));
      await remote.writeIndex(scope, { bytes: writeDocument(document, options.key), blobs: [...blobs.values()] }, stop);
    }
    return { instances: count, bytes, unworthy, tainted };
  };
  return store;
}

/** Whether a secret could be in what a step left: in its files, its environment or what it printed. Keys say which secrets were in force. */
export function isTainted(instance: Instance): boolean {
  return instance.keyParts.some((part) => part.name === 'secrets' && part.value !== '');
}

/** Parents first, each once. */
function inOrder(ids: readonly InstanceId[], seen: ReadonlyMap<InstanceId, Instance>): readonly InstanceId[] {
  const order = new Set<InstanceId>();
  const wanted = new Set(ids);
  const visit = (id: InstanceId): void => {
    const one = seen.get(id);
    if (!one || order.has(id) || !wanted.has(id)) return;
    visit(one.parent);
    order.add(id);
  };
  for (const id of wanted) visit(id);
  return [...order];
}

/** Without the least recently used instances, and without what only those stood on. */
function trimmed(document: IndexDocument, used: ReadonlySet<InstanceId>): IndexDocument {
  const age = (one: Instance): number => (used.has(one.id) ? Infinity : one.usedAt);
  const kept = new Set(
    [...document.instances]
      .sort((a, b) => age(b) - age(a))
      .slice(0, mostInstances)
      .map((one) => one.id),
  );
  const instances = document.instances.filter((one) => kept.has(one.id));
  const needed = new Set([
    ...instances.flatMap((one) => (one.data === null ? [] : directoriesOf(one.data))),
    ...Object.values(document.bases).map((one) => one.layer),
  ]);
  const layers = Object.fromEntries(Object.entries(document.layers).filter(([digest]) => needed.has(digest)));
  return { ...document, instances, layers };
}
