/** Why a base machine could not be made: what the world did, by name. */
export type BaseFailure =
  /** No base machine has this name and nothing in the configuration maps it. */
  | { readonly kind: 'unknown'; readonly name: string; readonly known: readonly string[] }
  /** A program of the host is missing; `remedy` is the one line that installs it. */
  | { readonly kind: 'missing-tool'; readonly tool: string; readonly remedy: string }
  /** The network, or the server on the other side, did not answer as it should. */
  | { readonly kind: 'unreachable'; readonly what: string; readonly why: string }
  /** There is no such image, tarball or directory. */
  | { readonly kind: 'absent'; readonly what: string }
  /** The registry wants credentials, or others. */
  | { readonly kind: 'denied'; readonly what: string; readonly registry: string }
  /** The bytes are not the ones that their digest names. */
  | { readonly kind: 'corrupt'; readonly what: string; readonly expected: string; readonly actual: string }
  /** An archive holds something that must not be unpacked. */
  | { readonly kind: 'refused'; readonly what: string; readonly path: string; readonly why: string }
  /** What the server or the archive says makes no sense. */
  | { readonly kind: 'malformed'; readonly what: string; readonly why: string }
  /** The image exists, but not for this machine's architecture. */
  | { readonly kind: 'platform'; readonly what: string; readonly wanted: string; readonly has: readonly string[] }
  /** The image lacks what every base machine needs. */
  | { readonly kind: 'unsuitable'; readonly what: string; readonly lacks: readonly string[] }
  /** A program ended with an error; `tail` is the end of what it printed. */
  | { readonly kind: 'command'; readonly what: string; readonly code: number | null; readonly tail: string }
  /** The store's file system is full, read-only, or not ours. */
  | { readonly kind: 'store'; readonly path: string; readonly why: string }
  /** Every way to make it failed; one failure for each. */
  | {
      readonly kind: 'providers';
      readonly tried: readonly { readonly provider: string; readonly failure: BaseFailure }[];
    }
  | { readonly kind: 'cancelled' };

/** Carries a failure up to `prepareBase`, which returns it as a value. */
export class BaseError extends Error {
  readonly failure: BaseFailure;

  constructor(failure: BaseFailure) {
    super(describeBaseFailure(failure));
    this.name = 'BaseError';
    this.failure = failure;
  }
}

/** A failure in a sentence or two: what happened, and what to do where that is known. */
export function describeBaseFailure(failure: BaseFailure): string {
  switch (failure.kind) {
    case 'unknown':
      return `there is no base machine ${failure.name}; known are ${failure.known.join(', ')}, and what \`bases\` in .layer/config.json maps`;
    case 'missing-tool':
      return `${failure.tool} is not installed: ${failure.remedy}`;
    case 'unreachable':
      return `${failure.what} cannot be reached: ${failure.why}`;
    case 'absent':
      return `there is no ${failure.what}`;
    case 'denied':
      return `${failure.registry} does not let us read ${failure.what}: check the name, or log in (docker login ${failure.registry})`;
    case 'corrupt':
      return `${failure.what} is not what its digest names (expected ${failure.expected}, got ${failure.actual}); nothing of it was used`;
    case 'refused':
      return `${failure.what} holds ${JSON.stringify(failure.path)}, which is refused: ${failure.why}`;
    case 'malformed':
      return `${failure.what} cannot be read: ${failure.why}`;
    case 'platform':
      return `${failure.what} is not made for ${failure.wanted}; it has ${failure.has.join(', ') || 'no platform at all'}`;
    case 'unsuitable':
      return `${failure.what} cannot be a base machine: it has no ${failure.lacks.join(' and no ')}`;
    case 'command':
      return `${failure.what} failed${failure.code === null ? '' : ` with exit code ${failure.code}`}${failure.tail === '' ? '' : `:\n${failure.tail}`}`;
    case 'store':
      return `${failure.path}: ${failure.why}`;
    case 'providers':
      return failure.tried.map((one) => `${one.provider}: ${describeBaseFailure(one.failure)}`).join('\n');
    case 'cancelled':
      return 'cancelled';
  }
}
