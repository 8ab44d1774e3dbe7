import type { RepoPath } from '../../host.ts';

/**
 * A repository's content as a machine may see it: files, directories and links; modes as git has them. Two things implement it:
 * the live working tree (stats only what it is asked about) and the frozen manifest (immutable; what machines are served from).
 * Sockets, FIFOs and devices are nothing, and so are `.layer` at the root, the store, and what the root's `.layerignore` names; `.git` is there
 * (views leave it out unless it is named). Nothing is ever reached through a link.
 * Names are strings that came from bytes: a byte that is not UTF-8 is the lone surrogate U+DC80…U+DCFF, and turns back into itself (view/names.ts).
 */
export interface RepoTree {
  /** What is at a path, links not followed; null where nothing is. */
  entry(path: RepoPath): TreeEntry | null;
  /** The kind of what is at a path; cheaper than `entry` after a `list` of its directory. */
  kind(path: RepoPath): TreeEntry['kind'] | null;
  /** The names in a directory in byte order; null where no directory is. */
  list(path: RepoPath): readonly string[] | null;
  /** git's blob hash (sha1, hex) of a file's bytes; null where no file is. */
  digest(path: RepoPath): string | null;
}

export type TreeEntry =
  | { readonly kind: 'file'; readonly executable: boolean; readonly sizeBytes: number }
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly target: string };

/** Where the bytes of a frozen file are, for whoever serves them. */
export interface FrozenFile {
  /** An absolute path on the host; its bytes are `encodeName(path)`. */
  readonly path: string;
  /**
   * `immutable`: nobody else writes it (the store's copy). `working`: a file of the working tree; every read is bracketed by
   * fstat, and one that differs from these numbers is answered with EIO and fails the step.
   */
  readonly kind: 'immutable' | 'working';
  readonly sizeBytes: number;
  /** Of the working tree's file; meaningless where `immutable`. */
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
}

/** An immutable manifest: what `freeze` makes, and what view servers load. */
export interface FrozenTree extends RepoTree {
  /** Where a file's bytes are; null where no file is. */
  content(path: RepoPath): FrozenFile | null;
  /** Nanoseconds since 1970 a file or link shows as mtime in persistent mtime mode; null for the constant of plain mode. */
  mtimeNs(path: RepoPath): bigint | null;
}
