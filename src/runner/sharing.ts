import type { InstanceId, StepKey } from './store.ts';

/** What the runners of one run know of each other: what several begin with is done by one of them, and the others go on from there. */
export interface Sharing {
  /** Whether this run has made it. */
  isOfThisRun(id: InstanceId): boolean;
  made(id: InstanceId): void;
  /** Resolves when whoever works on a step is done with it, well or not; null where nobody does. */
  underWay(key: StepKey): Promise<void> | null;
  /** For one runner at a time. */
  claims(): Claims;
}

/** The step that a runner works on. */
export interface Claims {
  /** From now on this step, unless somebody else is at it; those who wait for the one before may go on. */
  take(key: StepKey): void;
  /** No step. Doing it twice does no harm. */
  release(): void;
}

export function createSharing(): Sharing {
  const made = new Set<InstanceId>();
  const working = new Map<StepKey, Promise<void>>();
  return {
    isOfThisRun: (id) => made.has(id),
    made: (id) => void made.add(id),
    underWay: (key) => working.get(key) ?? null,
    claims() {
      let held: { readonly key: StepKey; readonly done: () => void } | null = null;
      const release = (): void => {
        if (held !== null) working.delete(held.key);
        held?.done();
        held = null;
      };
      return {
        take(key) {
          if (held?.key === key) return;
          const others = working.has(key);
          const { promise, resolve } = Promise.withResolvers<void>();
          if (!others) working.set(key, promise);
          release();
          if (!others) held = { key, done: resolve };
        },
        release,
      };
    },
  };
}
