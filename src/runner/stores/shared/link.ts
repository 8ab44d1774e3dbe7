import { RemoteFault, type Remote } from '../../remote.ts';

/** A remote store for as long as it works: after its first failure it is as if it were not there. */
export interface Link {
  readonly remote: Remote;
  /** Whether it has failed. */
  readonly isCut: boolean;
  /** What the remote store answers; `otherwise` where it fails, and from then on without asking it. */
  ask<T>(work: (remote: Remote) => Promise<T>, otherwise: T): Promise<T>;
}

/** `warn` is told once, when it fails. */
export function linkTo(remote: Remote, warn: (message: string) => void): Link {
  let isCut = false;
  return {
    remote,
    get isCut() {
      return isCut;
    },
    async ask(work, otherwise) {
      if (isCut) return otherwise;
      try {
        return await work(remote);
      } catch (error) {
        if (!(error instanceof RemoteFault)) throw error;
        // Of several that were under way, the first says it.
        if (!isCut) warn(`going on without ${remote.title}: ${error.message}`);
        isCut = true;
        return otherwise;
      }
    },
  };
}
