import type { Listener } from '../runner/events.ts';

/** Shows a run to somebody. */
export interface Reporter {
  readonly listen: Listener;
  /** Gives the terminal back as it was; nothing is listened to after it. */
  close(): void;
}
