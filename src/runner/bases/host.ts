/**
 * What the preparation of base machines needs of the host; the composition root fills it in. The process itself must be root, or root of its
 * user namespace with 65,536 ids.
 */
export interface BaseHost {
  /** Where base machines are kept: `<store>/bases`. Several processes may share it. */
  readonly directory: string;
  /** What `path` of a tarball or directory is relative to: the repository's root. */
  readonly repositoryRoot: string;
  /** As Go and Debian name it: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Stand-ins for registries, by name (`docker.io` → `https://mirror.example`); see `parseMirrors`. */
  readonly mirrors: Readonly<Record<string, string>>;
  /** Absolute path of Docker's `config.json`; null where there is no home. */
  readonly dockerConfig: string | null;
  /** The environment of the programs that are run: PATH, proxies, certificates. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What is being done, for whoever watches. */
export type BaseProgress =
  | { readonly kind: 'waiting'; readonly name: string }
  | { readonly kind: 'resolving'; readonly name: string; readonly provider: string }
  | { readonly kind: 'downloading'; readonly name: string; readonly bytes: number; readonly totalBytes: number }
  | { readonly kind: 'building'; readonly name: string; readonly line: string }
  | { readonly kind: 'unpacking'; readonly name: string; readonly bytes: number }
  | { readonly kind: 'installing'; readonly name: string; readonly line: string }
  /** A way to make it failed, and the next one is tried. */
  | { readonly kind: 'falling-back'; readonly name: string; readonly provider: string; readonly why: string }
  | {
      readonly kind: 'ready';
      readonly name: string;
      readonly digest: string;
      readonly bytes: number;
      readonly durationMs: number;
    };

/** One preparation under way. */
export interface BaseWork {
  readonly name: string;
  readonly host: BaseHost;
  /** An empty directory of this preparation's own, on the store's file system; removed when it ends. */
  readonly scratch: string;
  readonly progress: (event: BaseProgress) => void;
  readonly signal: AbortSignal;
}

/** What a provider found out before anything big is done. */
export interface Found {
  /** What the base stems from (`oci sha256:…`); the same words mean the same bytes. Null where only the content can tell. */
  readonly origin: string | null;
  /** Brings the archives that make up the root file system. */
  readonly fetch: () => Promise<Fetched>;
}

/** A root file system, still in archives. */
export interface Fetched {
  readonly origin: string;
  /** Whether the same origin means the same bytes. */
  readonly exact: boolean;
  readonly layers: readonly import('./archive/unpack.ts').Layer[];
  /** Lines of apt's `sources.list`; empty to keep the image's own. */
  readonly sources: readonly string[];
}

/** A way to make a base machine. */
export interface Provider {
  /** For messages: `the image docker.io/library/ubuntu:22.04`. */
  readonly title: string;
  find(work: BaseWork): Promise<Found>;
}
