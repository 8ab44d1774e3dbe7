import type { GuestPath } from '../host.ts';
import type { StackEntry } from './driver.ts';
import type { KeyPart } from './key.ts';
import type { MachineState } from './state.ts';
import type { Observation, ViewSpec } from './view/view.ts';

declare const brand: unique symbol;

/** What a step's run made, once: random, never shared by two runs, so that nothing of two runs is ever mixed. */
export type InstanceId = string & { readonly [brand]: 'InstanceId' };

/** A hash of everything that makes another step (native runner: key and value); several instances may have one key. */
export type StepKey = string & { readonly [brand]: 'StepKey' };

/** A step that ran: what it was, what it saw, what it left. */
export interface Instance {
  readonly id: InstanceId;
  /** The instance of the step before it, or a root, SPLIT or press id, which have no rows. */
  readonly parent: InstanceId;
  readonly key: StepKey;
  /** It is the first of its chain: `parent` is a root. */
  readonly first: boolean;
  /** What the key was made of, so that a miss can say which part is another. */
  readonly keyParts: readonly KeyPart[];
  /** The instruction as a person sees it. */
  readonly title: string;
  /** The id of the Layerfile that it stands in; for messages only. */
  readonly layer: string;
  /** First seen by this step; those of the steps before it hold as well where this one is used. */
  readonly observations: readonly Observation[];
  /** The machine after the step, as far as it is not files. */
  readonly state: MachineState;
  /** What COPY and CLONE put into the machine; null for other steps. */
  readonly view: ViewSpec | null;
  /** Other than 0: the step failed, and its machine is kept to be entered under a key that no step has (`failureKey`). */
  readonly exitCode: number;
  /** The end of what it printed, masked. */
  readonly outputTail: string;
  readonly durationMs: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When it was last made or found, milliseconds since 1970. */
  readonly usedAt: number;
  /** What restoring it needs; null where nothing was kept. */
  readonly data: SnapshotData | null;
  /** Why nothing was kept, for the message of the run that misses it; null where something was or nothing had to be. */
  readonly notKept: string | null;
}

/** A snapshot on disk. Directories are absolute where the runner sees them; stores keep them relative. */
export interface SnapshotData {
  /** Everything over the base, from the bottom up. */
  readonly stack: readonly StackEntry[];
  /** In persistent mtime mode: path in a tree → content hash and mtime shown, by tree name; null in plain mode. */
  readonly mtimes: MtimeTable | null;
}

/** Tree name → path → [what it is, nanoseconds since 1970 in decimal]; see `dateManifest`. */
export type MtimeTable = Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>>;

/** A saved CACHE path: a directory in overlay upper format that holds only what lies at `path`. */
export interface Volume {
  readonly id: string;
  /** The volume it was forked from; null for a first one. */
  readonly parent: string | null;
  readonly path: GuestPath;
  /** The layer's directory, to be rooted at `at`. */
  readonly directory: string;
  readonly at: GuestPath;
  /**
   * What files of the repository had last shown, content and time, to the runs that made it: tools keep times in their caches, or compare files with
   * what they made of them. Null where it holds nothing.
   */
  readonly mtimes: MtimeTable | null;
  /** Milliseconds since 1970: of a path's volumes the latest is the newest, wherever it was made. */
  readonly createdAt: number;
  /** A secret could be in it: it was in force where this was saved, or where a volume was that it stems from. */
  readonly tainted: boolean;
}

/** What becomes of an entry of a layer in a copy: it is kept, left out, or (a directory) no longer hides what lies below it. */
export type Pruning = (path: GuestPath, kind: 'directory' | 'other') => 'keep' | 'drop' | 'open';

/** Whether something was written down. `full`: the disk has no room; the run goes on without storing. */
export type Stored = { readonly stored: true } | { readonly stored: false; readonly why: string };

/**
 * What earlier runs left. Safe for several runs at once; a kill at any instant leaves a working store.
 * Implementations pass `test/runner/stores/contract.ts`.
 */
export interface TraceStore extends AsyncDisposable {
  /** Instances with this key that are not retired and whose data, where they have any, is there; newest first. */
  candidates(key: StepKey): Promise<readonly Instance[]>;
  /**
   * Key parts of what a Layerfile's steps led to from a parent (null: from the root of any chain), for explaining a miss; newest first, a few.
   */
  siblings(
    parent: InstanceId | null,
    layer: string,
  ): Promise<readonly { readonly title: string; readonly keyParts: readonly KeyPart[] }[]>;
  /** Makes a snapshot's files be there, which may be elsewhere until then; why they cannot be had, or null. Before anything is made of `data`. */
  load(data: SnapshotData, signal: AbortSignal): Promise<string | null>;
  /** Makes an instance visible, with its data, at once and whole; one that is known gets this data. */
  insert(instance: Instance): Promise<Stored>;
  /** These are never candidates again, from when this resolves, whatever happens next. */
  retire(ids: readonly InstanceId[]): Promise<void>;
  /** They were used now: the least recently used of a key goes first. */
  touch(ids: readonly InstanceId[]): Promise<void>;
  /** A fresh directory on the store's file system, kept as long as this process lives or an instance or volume refers into it. */
  directory(): Promise<string>;
  /** A copy of a layer in a directory as `directory` gives them, at the price of hard links; what `prune` says is left out. */
  copyLayer(layer: string, prune: Pruning): Promise<string>;
  /** The newest volume of a scope at a path; null where nothing is saved. */
  volume(scope: string, path: GuestPath): Promise<Volume | null>;
  /** The newest volume at each path of a scope; its directory may not be there yet. */
  newestVolumes(scope: string): Promise<readonly Volume[]>;
  /** The volume that a layer's directory belongs to; null where none does. */
  volumeOf(directory: string): Promise<Volume | null>;
  /** Whether `volume` stems from `ancestor` (or is it). */
  descends(volume: string, ancestor: string): Promise<boolean>;
  publishVolume(scope: string, volume: Volume): Promise<Stored>;
  /** A number that counts up with each call: JOB_ID. */
  nextJob(): Promise<number>;
  /** A random secret of this store, made once: for HMACs of secrets in keys. Hex. */
  readonly hmacKey: string;
  /** Everything inserted so far survives a power cut once this resolves. */
  sync(): Promise<void>;
  /** Deletes what nothing refers to and no living process uses; bytes are not counted. */
  collect(): Promise<{ readonly directories: number }>;
}
