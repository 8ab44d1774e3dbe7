/** Ports: what the inside needs of the outside. Types only; the real ones are in node-host.ts, tests bring their own. */

declare const brand: unique symbol;

/** A path inside a repository: `/`-separated, relative, normalised, no leading `/`; the root is the empty string. */
export type RepoPath = string & { readonly [brand]: 'RepoPath' };

/** An absolute path inside a machine. */
export type GuestPath = string & { readonly [brand]: 'GuestPath' };

export type EntryKind = 'file' | 'directory' | 'link' | 'other';

/** Why a file could not be read. `outside`: a symbolic link on the way leads out of the repository. */
export type ReadFailure = 'absent' | 'denied' | 'not-a-file' | 'outside' | 'failed';

/**
 * Reads a repository's working tree. Never follows a symbolic link out of the repository, never throws for what the tree holds.
 * Synchronous: checking a thousand small files is faster so.
 */
export interface RepoReader {
  /** The absolute path of the root, for messages. */
  readonly root: string;
  /** Whether the root is inside a git working tree. */
  readonly git: boolean;
  /** The kind of what is there, links not followed; null where nothing is. */
  kind(path: RepoPath): EntryKind | null;
  read(path: RepoPath): { readonly bytes: Uint8Array } | { readonly failure: ReadFailure };
  /** Names and kinds in a directory, sorted by name; null where there is no readable directory. */
  list(path: RepoPath): readonly { readonly name: string; readonly kind: EntryKind }[] | null;
  /** The target of a symbolic link; null where there is none. */
  link(path: RepoPath): string | null;
  /** Paths of everything named `Layerfile`, sorted; not in .git, node_modules or .layer, nor what git ignores. */
  layerfiles(): Promise<readonly RepoPath[]>;
}

/** Writes a whole file at once: staged beside the target and renamed, so that nobody ever sees half of it. Directories that are missing are made. */
export interface FileWriter {
  write(path: string, content: string | Uint8Array): Promise<void>;
}

/** Runs a program of the host to its end. Never through a shell. */
export interface Processes {
  run(
    argv: readonly [string, ...string[]],
    options?: { readonly cwd?: string; readonly input?: string; readonly signal?: AbortSignal },
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}

/** A person's terminal, or what stands in for it. */
export interface Terminal {
  readonly isTty: boolean;
  readonly columns: number;
  /** Whether colours may be printed (NO_COLOR and FORCE_COLOR are heeded). */
  readonly colour: boolean;
  out(text: string): void;
  error(text: string): void;
}
