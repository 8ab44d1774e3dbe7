import { randomUUID } from 'node:crypto';
import { posix } from 'node:path';
import type { GuestPath } from '../host.ts';
import type { Bench } from './bench.ts';
import type { RunContext } from './context.ts';
import type { Machine, StackEntry } from './driver.ts';
import type { MtimeTable, Volume } from './store.ts';
import { withoutFiles } from './view/mtimes.ts';

/** The newest volume that this run may read at a path. */
async function newest(path: GuestPath, context: RunContext): Promise<Volume | null> {
  const { store, scope } = context.ports;
  for (const one of await scope.readable()) {
    const volume = await store.volume(one, path);
    if (volume) return volume;
  }
  return null;
}

/** The newest volumes that this run may read, the most wanted first. */
export async function savedVolumes(context: RunContext): Promise<readonly Volume[]> {
  const { store, scope } = context.ports;
  const volumes: Volume[] = [];
  for (const one of await scope.readable()) volumes.push(...(await store.newestVolumes(one)));
  return volumes;
}

/** The scope of volumes that hold nothing: no run saves there. */
const nowhere = '';

/** What stands for nothing saved yet at a path: every volume of that path stems from it, so that a snapshot made on it takes up newer ones. */
async function empty(path: GuestPath, context: RunContext): Promise<Volume> {
  const { store } = context.ports;
  const known = await store.volume(nowhere, path);
  if (known) return known;
  const at = posix.dirname(path) as GuestPath;
  const volume: Volume = {
    id: `empty ${path}`,
    parent: null,
    path,
    directory: await store.directory(),
    at,
    mtimes: null,
    ...{ createdAt: 0, tainted: false },
  };
  await store.publishVolume(nowhere, volume);
  return volume;
}

/** Lays the saved content of CACHE paths into a machine; the paths with links followed. */
export async function mountVolumes(
  paths: readonly GuestPath[],
  { bench, context }: { readonly bench: Pick<Bench, 'machine' | 'saved'>; readonly context: RunContext },
): Promise<readonly GuestPath[]> {
  const { machine, saved } = bench;
  const resolved: GuestPath[] = [];
  for (const path of paths) {
    const at = (await machine.resolve(path)).path;
    resolved.push(at);
    const volume = saved.find((one) => one.path === at) ?? (await empty(at, context));
    await machine.addLayer(volume.directory, volume.at);
  }
  return resolved;
}

/** A snapshot's stack with each volume replaced by the newest that stems from it. */
export async function renewVolumes(stack: readonly StackEntry[], context: RunContext): Promise<readonly StackEntry[]> {
  const { store } = context.ports;
  const renewed: StackEntry[] = [];
  for (const entry of stack) {
    const old = entry.kind === 'layer' && entry.at !== null ? await store.volumeOf(entry.directory) : null;
    const now = old && (await newest(old.path, context));
    const fresh = old && now && (await store.descends(now.id, old.id)) ? now : null;
    const isNew = old !== null && fresh !== null && fresh.directory !== old.directory;
    renewed.push(
      isNew
        ? {
            kind: 'layer',
            directory: fresh.directory,
            at: fresh.at,
            replaces: { directory: old.directory, at: old.at },
          }
        : entry,
    );
  }
  return renewed;
}

/** Saves what lies at the CACHE paths of a machine whose Layerfile has succeeded; why not, where that failed. */
export async function publishVolumes(
  paths: readonly GuestPath[],
  {
    machine,
    context,
    stack,
    mtimes,
    secrets,
  }: {
    readonly machine: Machine;
    readonly context: RunContext;
    readonly stack: readonly StackEntry[];
    /** What files show in this machine. */
    readonly mtimes: MtimeTable | null;
    /** `in force`: one could be in what is saved. */
    readonly secrets: 'in force' | 'none';
  },
): Promise<readonly string[]> {
  const { store, scope } = context.ports;
  const failures: string[] = [];
  const mounted = await mountedVolumes(stack, context);
  const saved = await Promise.all(paths.map((path) => newest(path, context)));
  const tainted = secrets === 'in force' || [...mounted, ...saved].some((volume) => volume?.tainted === true);
  for (const path of paths) {
    const parent = mounted.findLast((volume) => volume.path === path);
    const directory = await store.directory();
    const kind = await machine.copyOut(path, directory);
    if (kind === null) continue;
    const at = (kind === 'directory' ? path : posix.dirname(path)) as GuestPath;
    const volume: Volume = {
      id: randomUUID(),
      parent: parent?.id ?? null,
      path,
      directory,
      at,
      mtimes: lastShown(parent?.mtimes ?? null, mtimes),
      createdAt: context.ports.clock.now(),
      tainted,
    };
    const stored = await store.publishVolume(scope.own, volume);
    if (!stored.stored) failures.push(stored.why);
  }
  return failures;
}

/** The volumes that a stack has. */
export async function mountedVolumes(stack: readonly StackEntry[], context: RunContext): Promise<readonly Volume[]> {
  const volumes: Volume[] = [];
  for (const entry of stack) {
    const volume =
      entry.kind === 'layer' && entry.at !== null ? await context.ports.store.volumeOf(entry.directory) : null;
    if (volume) volumes.push(volume);
  }
  return volumes;
}

/** What files last showed; those that are gone now are known as gone, because what was made of them may lie in a volume still. */
function lastShown(before: MtimeTable | null, now: MtimeTable | null): MtimeTable | null {
  if (before === null || now === null) return now ?? before;
  const trees = new Set([...Object.keys(before), ...Object.keys(now)]);
  return Object.fromEntries([...trees].map((tree) => [tree, { ...withoutFiles(before[tree] ?? {}), ...now[tree] }]));
}

/** What files had shown to the runs that made these. */
export function tablesOf(volumes: readonly Volume[]): readonly MtimeTable[] {
  const tables = new Map(volumes.map((volume) => [volume.id, volume.mtimes]));
  return [...tables.values()].filter((table) => table !== null);
}
