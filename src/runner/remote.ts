/** Bytes by what they are. */
export interface Blob {
  /** `sha256:…`. */
  readonly digest: string;
  readonly sizeBytes: number;
}

/** What a blob is part of: stores that show people what they hold tell these apart. */
export type BlobKind = 'snapshot' | 'volume' | 'base';

export type KeptBlob = Blob & { readonly kind: BlobKind };

/**
 * Whose results: a run reads those of its own ref, its base's and the default branch's, and writes its own only. Made by whoever opens the run from
 * what the host says of it, never from anything in the repository.
 */
export interface Scope {
  /** The repository's id, as it is in every key. */
  readonly repository: string;
  /** `refs/heads/main`. */
  readonly ref: string;
  /** `fork`: written by code of somebody without access to the repository. */
  readonly trust: 'own' | 'fork';
}

/** The same scope is the same text. */
export function scopeText({ repository, ref, trust }: Scope): string {
  return JSON.stringify([repository, ref, trust]);
}

/** A remote store that does not do what it was asked. What it answered is in the message, no secret ever. */
export class RemoteFault extends Error {
  override readonly name = 'RemoteFault';
}

/**
 * Where results outlive this machine: blobs, and for each scope one index that names them. Nothing in it is believed: whoever reads verifies digests.
 * Methods reject with `RemoteFault` where the service fails, and with the signal's reason when that is aborted. Implementations pass
 * `test/runner/stores/remote-contract.ts`.
 */
export interface Remote extends AsyncDisposable {
  /** For messages: `the registry localhost:5000/team/layer`. */
  readonly title: string;
  /** Larger blobs must be given in pieces. */
  readonly pieceBytes: number;
  /** About what it moves in a second: what is sent must have taken longer to make than to bring back. */
  readonly bytesPerSecond: number;
  /** The newest index of a scope; null where there is none. */
  readIndex(scope: Scope, signal: AbortSignal): Promise<Uint8Array | null>;
  /** Makes this the newest index of a scope, whole or not at all; `blobs` are all that it names, and are there. */
  writeIndex(
    scope: Scope,
    index: { readonly bytes: Uint8Array; readonly blobs: readonly KeptBlob[] },
    signal: AbortSignal,
  ): Promise<void>;
  /** Brings a blob that an index of a scope names to a path; false where it is gone. What arrives is not verified yet. */
  fetch(blob: Blob, from: { readonly scope: Scope; readonly path: string }, signal: AbortSignal): Promise<boolean>;
  /** Makes a blob be there for an index of a scope; `known` is a scope whose index has it. How many bytes were sent. */
  store(
    blob: Blob,
    to: { readonly scope: Scope; readonly path: () => Promise<string>; readonly known: Scope | null },
    signal: AbortSignal,
  ): Promise<number>;
}
