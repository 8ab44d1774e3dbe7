import type { Instance } from '../store.ts';

/** What can be asked of a store besides what a run asks. */
export interface Records {
  /** Instances whose id begins with this, retired ones too, newest first; a few. */
  named(prefix: string): Promise<readonly Instance[]>;
  /** How long the newest instance of an instruction of a Layerfile took, wherever it stood in the chain; null where there is none. */
  lastDuration(layer: string, title: string): Promise<number | null>;
  /** The number that JOB_ID was last. */
  lastJob(): Promise<number>;
}
