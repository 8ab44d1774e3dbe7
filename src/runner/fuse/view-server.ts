import type { Observation, ViewSpec } from '../view/view.ts';

/** How a view server is started. One a machine, one mount each, never reused. */
export interface ViewServerSpec {
  /** Argv put before the server's own, to enter the machine's namespaces (`nsenter …`); the device is opened and mounted there. */
  readonly enter: readonly string[];
  /** Where to mount, seen from those namespaces. View N appears as the directory `N` of the mount. */
  readonly mountpoint: string;
  /** Serialised frozen trees by name (`repository`, `clone:<commit>`): paths of manifest files. */
  readonly trees: Readonly<Record<string, string>>;
  /** Persistent: files show their own mtime, and GETATTR counts as content (of a directory: listing). */
  readonly mtime: 'plain' | 'persistent';
  readonly signal: AbortSignal;
}

/** Serves a machine's views and records what is looked at. Lives until disposed; if it dies, `failure` says so and no step may be stored. */
export interface ViewServer extends AsyncDisposable {
  /** Makes a view (and a tree it needs) known; it can be mounted when this resolves. */
  addTree(name: string, manifest: string): Promise<void>;
  addView(spec: ViewSpec): Promise<void>;
  /**
   * Everything first observed since the last cut, once all requests that arrived before have been answered.
   * `fault` is a reason for which the step must not be stored (a file changed while it was used, an unknown operation), else null.
   */
  cut(): Promise<{
    readonly observations: readonly Observation[];
    readonly fault: string | null;
    readonly requests: number;
  }>;
  /** Why it no longer serves; null while it does. */
  readonly failure: string | null;
}
