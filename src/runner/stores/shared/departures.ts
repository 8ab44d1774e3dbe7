import { rmSync } from 'node:fs';
import { RemoteFault, scopeText, type Blob, type Remote, type Scope } from '../../remote.ts';
import { holdsMemory, renameDirectories } from '../../snapshot-directories.ts';
import type { Instance, InstanceId, SnapshotData, TraceStore, Volume } from '../../store.ts';
import { packDirectory, pieceOf, type Archive } from './archive.ts';
import { readScope, type Catalog, type Reading } from './catalog.ts';
import { emptyDocument, writeDocument, type SharedBase, type SharedVolume } from './document.ts';
import { blobsOf, holds, merged, type Additions } from './merge.ts';
import { volumeName } from './names.ts';
import type { Packed, Sidecar } from './sidecar.ts';
import { taintBy } from './taint.ts';
import { isWorth } from './worth.ts';

/** What was sent, for a person. */
export interface WrittenBack {
  readonly instances: number;
  readonly bytes: number;
  /** Snapshots and volumes that were left out because bringing them back would take longer than making them again. */
  readonly unworthy: number;
  /** Results that secrets could be in: they stay here. */
  readonly tainted: number;
}

export interface Sending {
  readonly local: TraceStore;
  readonly remote: Remote;
  readonly reading: Reading;
  readonly catalog: Catalog;
  readonly sidecar: Sidecar;
  /** Whose index is written. */
  readonly scope: Scope;
  /** Whose volumes this run may have had. */
  readonly reads: readonly Scope[];
  readonly isHere: (data: SnapshotData) => boolean;
  /** What this run skipped. */
  readonly used: ReadonlySet<InstanceId>;
  readonly transferPath: () => string;
  readonly signal: AbortSignal;
}

/** It fits no other kind of processor, and holds more than anyone can look through. */
const memoryStays = 'the memory of a machine stays on the host that saved it';

/** Another job may write the same index between our look at it and our word: then it is merged again. */
const mostWrites = 4;

/** Sends what waits in the outbox, and what its snapshots stand on. Rejects with `RemoteFault` where the remote store fails: then it waits on. */
export async function sendWaiting(sending: Sending): Promise<WrittenBack> {
  const { local, sidecar, catalog, scope, signal } = sending;
  const own = scopeText(scope);
  const document = (await currentIndex(sending)) ?? emptyDocument(scope);
  const parcel = new Parcel(sending, { ...document.layers });
  const isTainted = await taintBy(local, sending.reads);
  const there = new Set(document.instances.map((one) => one.id));

  const waiting = sidecar.waiting(own);
  const found = new Map<InstanceId, Instance>();
  for (const { id, key } of waiting) {
    const one = (await local.candidates(key)).find((candidate) => candidate.id === id);
    if (one && !catalog.instances.has(id) && !there.has(id)) found.set(id, one);
  }
  const instances: Instance[] = [];
  let [unworthy, tainted] = [0, 0];
  /** What has been spent since the last state that others can start from. */
  const sinceKept = new Map<string, number>();
  const out = new Set<InstanceId>();
  for (const one of parentsFirst(found)) {
    signal.throwIfAborted();
    if (out.has(one.parent) || (await isTainted(one))) {
      out.add(one.id);
      tainted += 1;
      continue;
    }
    const spentMs = one.durationMs + (sinceKept.get(one.parent) ?? 0);
    const isMemory = one.data !== null && holdsMemory(one.data);
    const isKept = one.data !== null && !isMemory && sending.isHere(one.data);
    const data = isKept && one.data !== null ? await parcel.snapshot(one.data, spentMs) : null;
    if (isKept && data === null) unworthy += 1;
    sinceKept.set(one.id, data === null ? spentMs : 0);
    const unsent = isMemory ? memoryStays : 'its snapshot was not worth sending';
    const notKept = one.data !== null && data === null ? unsent : one.notKept;
    instances.push({ ...one, data, notKept });
  }
  for (const volume of await local.newestVolumes(own)) {
    if (volume.tainted || document.volumes[volume.id]?.isOwn === true) continue;
    const savedMs = [...found.values()]
      .filter((one) => one.state.caches.includes(volume.path))
      .reduce((sum, one) => sum + one.durationMs, 0);
    if (!(await parcel.volume(volume, { savedMs, isOwn: true }))) unworthy += 1;
  }
  const bases = sidecar.waitingBases(own);
  for (const { key, record, directory } of bases) {
    if (catalog.base(key) !== null) continue;
    const digest = await parcel.layer(directory, Infinity);
    if (digest !== null) parcel.bases[key] = { record, layer: digest };
  }
  const { bytes, layers, volumes } = parcel;
  await writeIndex({ instances, layers, volumes, bases: parcel.bases }, sending);
  sidecar.clear(own, { instances: waiting.map((one) => one.id), bases: bases.map((one) => one.key) });
  return { instances: instances.length, bytes, unworthy, tainted };
}

async function currentIndex({ reading, scope, signal }: Sending): ReturnType<typeof readScope> {
  const document = await readScope(scope, { reading, signal });
  if (reading.link.isCut) throw new RemoteFault('its index cannot be read');
  return document;
}

/** Adds to the scope's index as it is now, until it is in what others read. */
async function writeIndex(additions: Additions, sending: Sending): Promise<void> {
  const { remote, scope, catalog, used, reading, signal } = sending;
  const isMore = (part: object): boolean => Object.keys(part).length > 0;
  if (![additions.instances, additions.volumes, additions.bases].some(isMore)) return;
  for (let write = 1; write <= mostWrites; write += 1) {
    const before = (await currentIndex(sending)) ?? emptyDocument(scope);
    if (write > 1 && holds(before, additions)) return;
    const document = merged(before, { additions, used, lost: catalog.lost, now: Date.now() });
    const index = { bytes: writeDocument(document, reading.key), blobs: blobsOf(document) };
    await remote.writeIndex(scope, index, signal);
  }
}

/** What is sent in one go, each archive once. */
class Parcel {
  bytes = 0;
  /** Archives that the scope's index names, with those that were sent. */
  readonly layers: Record<string, readonly Blob[]>;
  readonly volumes: Record<string, SharedVolume> = {};
  readonly bases: Record<string, SharedBase> = {};
  readonly #sending: Sending;

  constructor(sending: Sending, layers: Record<string, readonly Blob[]>) {
    this.#sending = sending;
    for (const digest of sending.catalog.lost) delete layers[digest];
    this.layers = layers;
  }

  /** A snapshot whose directories are named as in an index, and are there; null where that is not worth it. */
  async snapshot(data: SnapshotData, savedMs: number): Promise<SnapshotData | null> {
    const names = new Map<string, string>();
    for (const entry of data.stack) {
      if (entry.kind === 'view') continue;
      const volume =
        entry.kind === 'layer' && entry.at !== null ? await this.#sending.local.volumeOf(entry.directory) : null;
      const name = volume === null ? await this.layer(entry.directory, savedMs) : await this.#standingOn(volume);
      if (name === null) return null;
      names.set(entry.directory, name);
    }
    return renameDirectories(data, (directory) => names.get(directory) ?? '');
  }

  async #standingOn(volume: Volume): Promise<string | null> {
    const isListed = Object.hasOwn(this.volumes, volume.id);
    const known = isListed || (await this.volume(volume, { savedMs: Infinity, isOwn: false }));
    return known ? volumeName(volume.id) : null;
  }

  /** Whether a volume's archive is there and named. */
  async volume(
    volume: Volume,
    { savedMs, isOwn }: { readonly savedMs: number; readonly isOwn: boolean },
  ): Promise<boolean> {
    const digest = await this.layer(volume.directory, savedMs);
    if (digest === null) return false;
    const { path, at, mtimes, createdAt } = volume;
    const ancestors = this.#sending.sidecar.ancestors(volume.id);
    const before = this.volumes[volume.id];
    this.volumes[volume.id] = {
      ...{ path, at, layer: digest, mtimes, createdAt, ancestors },
      isOwn: isOwn || before?.isOwn === true,
    };
    return true;
  }

  /** A directory's archive, in pieces that are in the remote store: its digest; null where that is not worth it. */
  async layer(directory: string, savedMs: number): Promise<string | null> {
    const { sidecar, remote, catalog, scope, transferPath, signal } = this.#sending;
    let archive: Archive | null = null;
    const pack = async (): Promise<Archive> =>
      (archive ??= await packDirectory(directory, { path: transferPath(), pieceBytes: remote.pieceBytes, signal }));
    try {
      const known: Packed = sidecar.archiveOf(directory) ?? (await pack());
      sidecar.note(directory, known);
      const { digest, pieces } = known;
      if (Object.hasOwn(this.layers, digest)) return digest;
      const there = catalog.archive(digest);
      const bytes = pieces.reduce((sum, one) => sum + one.sizeBytes, 0);
      if (there === null && !isWorth({ bytes, savedMs, bytesPerSecond: remote.bytesPerSecond })) return null;
      for (const [index, piece] of pieces.entries()) {
        const path = async (): Promise<string> => {
          const whole = await pack();
          const own = whole.pieces[index];
          if (own === undefined || own.digest !== piece.digest)
            throw new RemoteFault('a layer changed after it was kept');
          return pieceOf(whole, own, `${whole.path}.piece`);
        };
        this.bytes += await remote.store(piece, { scope, path, known: there?.scope ?? null }, signal);
      }
      this.layers[digest] = pieces.map((one) => ({ digest: one.digest, sizeBytes: one.sizeBytes }));
      return digest;
    } finally {
      const path = (archive as Archive | null)?.path;
      if (path !== undefined) for (const name of [path, `${path}.piece`]) rmSync(name, { force: true });
    }
  }
}

/** Each once, parents before children. */
function parentsFirst(found: ReadonlyMap<InstanceId, Instance>): readonly Instance[] {
  const order = new Map<InstanceId, Instance>();
  const visit = (one: Instance | undefined): void => {
    if (!one || order.has(one.id)) return;
    visit(found.get(one.parent));
    order.set(one.id, one);
  };
  for (const one of found.values()) visit(one);
  return [...order.values()];
}
