import type { RunOutcome } from './events.ts';

/** A step that failed in a run. */
export interface FailedStep {
  readonly runner: string;
  /** Its Layerfile, and the line its instruction stood in. */
  readonly file: string;
  readonly line: number;
  readonly title: string;
  readonly why: string;
}

/** How a run ended: what trying it again needs. */
export interface RunRecord {
  /** JOB_ID, the same for all tries. */
  readonly job: number;
  /** RETRY_INDEX: 1 for the first try. */
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly endedAt: number;
  readonly outcome: RunOutcome;
  /** Paths of the Layerfiles that were wanted and did not succeed. */
  readonly unfinished: readonly string[];
  readonly failures: readonly FailedStep[];
}

/** How the last runs of a store's user ended; a few are kept. */
export interface RunHistory {
  recordRun(run: RunRecord): Promise<void>;
  /** The newest of all runs, or of one job; null where there is none. */
  lastRun(job: number | null): Promise<RunRecord | null>;
}
