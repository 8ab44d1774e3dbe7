import type { GuestPath, RepoPath } from '../../host.ts';

/**
 * What one COPY or CLONE of a chain puts into the machine, as data: small, serialisable, independent of what the repository holds.
 * `openView` (view/open.ts) turns it and a `RepoTree` into the view itself, lazily and purely; the check of observations and the FUSE server
 * run the very same function.
 */
export interface ViewSpec {
  /** Counts the views of a chain from 0, parents' included. */
  readonly ordinal: number;
  /** Which tree it is built from: `repository`, or the name under which a CLONE's tree was given to the server (`clone:<commit>`). */
  readonly tree: string;
  /** Normalised, from the tree's root; a glob is a pattern for `parseGlob`, unexpanded. At least one. */
  readonly sources: readonly { readonly path: RepoPath; readonly glob: boolean }[];
  /** Absolute, all links of the machine followed. */
  readonly destination: GuestPath;
  /**
   * `into`: files, links and several sources land in the destination, by name (it ends in `/`, is `.`, is a directory, or there are several
   * sources or a glob). `as`: a single file or link becomes the destination itself. A single directory named without a glob gives its
   * contents in both cases: which of them it is, is seen when the view is opened.
   */
  readonly placement: 'into' | 'as';
  /** Mode and owner that the directories above and at the destination show, from the machine below; index 0 is `/`. Missing ones are 0775 root:root. */
  readonly ancestors: readonly { readonly mode: number; readonly uid: number; readonly gid: number }[];
}

/** A view: what the machine sees from this COPY, rooted at `/` with the files at their destinations. Paths are absolute guest paths. */
export interface View {
  readonly spec: ViewSpec;
  entry(path: GuestPath): ViewEntry | null;
  /** The kind of what is at a path: `entry(path).kind`, cheaper. */
  kind(path: GuestPath): ViewEntry['kind'] | null;
  /** Names in byte order; null where no directory is. */
  list(path: GuestPath): readonly string[] | null;
  /** git's blob hash of the bytes; null where no file is. */
  digest(path: GuestPath): string | null;
  /** Sources that the tree does not have, and globs that match nothing, as the spec has them. */
  readonly missing: readonly RepoPath[];
}

export interface ViewEntry {
  readonly kind: 'file' | 'directory' | 'link';
  /** Permission bits: 0775, 0664 (group as the owner); of an ancestor, what the machine has. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** A link's target; null for others. */
  readonly target: string | null;
  /** The path in its tree; null for directories that only lead to the destination. */
  readonly source: RepoPath | null;
}

/** What a step looked at. `entry`: it exists, its kind and mode. `attributes`: those and its size (in persistent mtime mode: content, or listing of a directory). */
export type ObservationKind = 'content' | 'listing' | 'absent' | 'link' | 'entry' | 'attributes';

/** One fact that a step saw. Two observations are the same when view, path and kind are. */
export interface Observation {
  readonly view: number;
  readonly path: GuestPath;
  readonly kind: ObservationKind;
  /** content: git's blob hash; listing: hash of the sorted (name, kind) list; link, entry, attributes: a short text; absent: empty. See `fingerprint`. */
  readonly fingerprint: string;
}
