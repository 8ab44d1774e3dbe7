import type { Duplex } from 'node:stream';
import type { GuestPath } from '../../host.ts';
import type { Observation, View, ViewSpec } from '../view/view.ts';
import type { ViewTable } from './table.ts';

/** How a view server is started. One a machine, one mount each, never reused. */
export interface ViewServerSpec {
  /** Argv put before the server's own, to enter the machine's namespaces (`nsenter …`); the device is opened and mounted there. */
  readonly enter: readonly string[];
  /** Where to mount, seen from those namespaces. View N appears as the directory `N` of the mount. */
  readonly mountpoint: string;
  /** Serialised frozen trees by name (`repository`, `clone:<commit>`): paths of manifest files. */
  readonly trees: Readonly<Record<string, string>>;
  /** Persistent: files show their own mtime, and GETATTR counts as content (of a directory: listing, but see `directorySeconds`). */
  readonly mtime: 'plain' | 'persistent';
  /**
   * What directories show as mtime, in seconds since 1970: later than anything that this machine was made from, so that no program trusts what an
   * earlier one knew of a directory, and GETATTR of one tells no more than its kind, mode and owner. Left out where nobody promises that.
   */
  readonly directorySeconds?: number | null;
  readonly signal: AbortSignal;
}

/** Serves a machine's views and records what is looked at. Lives until disposed; if it dies, `failure` says so and no step may be stored. */
export interface ViewServer extends AsyncDisposable {
  /** Makes a view (and a tree it needs) known; it can be mounted when this resolves. */
  addTree(name: string, manifest: string): Promise<void>;
  addView(spec: ViewSpec): Promise<void>;
  /**
   * Everything first observed since the last cut, once all requests that arrived before have been answered.
   * `fault` is a reason for which the step must fail (a file changed while it was used), `doubt` one for which it must not be stored (an unknown operation),
   * else null.
   */
  cut(): Promise<{
    readonly observations: readonly Observation[];
    readonly fault: string | null;
    readonly doubt: string | null;
    readonly requests: number;
  }>;
  /** Why it no longer serves; null while it does. */
  readonly failure: string | null;
}

/** One that has the device itself. */
export interface DeviceViewServer extends ViewServer {
  /** For each path the ordinal of the last view in which it is a directory, null where it is in none. Nobody is taken to have seen it. */
  directories(paths: readonly GuestPath[]): Promise<readonly (number | null)[]>;
}

/** How views are served to the kernel of a machine that has one of its own. */
export interface StreamViewServerSpec extends Pick<ViewServerSpec, 'trees' | 'mtime' | 'directorySeconds'> {
  /** Requests of the machine's FUSE device, and replies to it. Its end is the server's. */
  readonly stream: Duplex;
  /** The views that are served from the start. */
  readonly views: readonly ViewSpec[];
  /** Where another server stood when the machine's memory was saved; null for a kernel that has just mounted. */
  readonly takeUp: SavedViews | null;
  /** `others`: what is taken up showed other files, and no process uses it any more: each view is shown anew, by another name (`nameOf`). */
  readonly files?: 'same' | 'others';
}

/** What of a view server goes into a snapshot of the memory of its machine. JSON. */
export interface SavedViews {
  readonly table: ViewTable;
  /** Bytes that had come from the machine and were not answered yet, base64. */
  readonly pending: string;
}

/** A view server whose kernel is saved and goes on elsewhere. */
export interface StreamViewServer extends Omit<ViewServer, 'addView'> {
  /** The view that is served from now on. */
  addView(spec: ViewSpec): Promise<View>;
  /** The directory of the mount that shows a view. */
  nameOf(ordinal: number): string;
  /** Whether a path is a directory in some view. Nobody is taken to have seen it. */
  isDirectory(path: GuestPath): boolean;
  /** From now on what arrives waits: so that no reply is on its way while the machine stands still. */
  hold(): void;
  resume(): void;
  /** As `cut`, at once: between two of these calls nothing is answered. */
  cutNow(): Awaited<ReturnType<ViewServer['cut']>>;
  /** What a later server needs; while held. */
  save(): SavedViews;
  /** Bytes that it has written, replies and notices: how a machine can tell that it has had them all. */
  readonly sentBytes: number;
}
