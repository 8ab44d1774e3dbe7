import type { Span } from '../diagnostics/source.ts';
import type { LayerId } from '../ir/ir.ts';
import type { Exit } from './driver.ts';
import type { InstanceId } from './store.ts';

/** One runner: a Layerfile, or a copy of it after SPLIT. */
export interface RunnerName {
  readonly layer: LayerId;
  /** `name`, `name-2`, `name-3`: unique in a run. */
  readonly id: string;
  /** Which copy of a SPLIT, from 0; null where there is one only, and for what all copies have in common. */
  readonly copy: number | null;
  /** What stands before its lines: the Layerfile's directory, and which copy it is (`web/tests [2/3]`). */
  readonly label: string;
}

/** A step of a runner, as events name it. */
export interface StepName {
  readonly runner: RunnerName;
  /** Index in the chain; with the runner it is unique. */
  readonly index: number;
  /** `RUN npm install`. */
  readonly title: string;
  /** Where its instruction stands. */
  readonly span: Span;
}

/** How a runner ended. */
export type RunnerOutcome =
  | { readonly kind: 'succeeded'; readonly ran: boolean }
  | { readonly kind: 'failed'; readonly why: string }
  /** Its parent or one it waits for did not succeed, another failed, or a person stopped the run. */
  | { readonly kind: 'cancelled'; readonly why: string }
  /** The host failed: no machine, no base, a secret that is not there. */
  | { readonly kind: 'broken'; readonly why: string }
  /** A BUTTON that nobody can press here. */
  | { readonly kind: 'waiting'; readonly message: string };

/** Everything that can happen in a run. Reporters switch over it. */
export type Event =
  | { readonly kind: 'runStarted'; readonly layers: readonly LayerId[]; readonly jobs: number }
  | { readonly kind: 'runnerStarted'; readonly runner: RunnerName }
  | {
      readonly kind: 'runnerEnded';
      readonly runner: RunnerName;
      readonly outcome: RunnerOutcome;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'stepSkipped';
      readonly step: StepName;
      readonly instance: InstanceId;
      /** How many observations held. */
      readonly reads: number;
      /** What it took when it ran. */
      readonly savedMs: number;
    }
  | { readonly kind: 'machineStarting'; readonly runner: RunnerName; readonly from: InstanceId | null }
  | { readonly kind: 'machineReady'; readonly runner: RunnerName; readonly durationMs: number }
  /** It takes no processor and no memory until it is woken. */
  | { readonly kind: 'machineHibernated'; readonly runner: RunnerName; readonly durationMs: number }
  | { readonly kind: 'machineWoken'; readonly runner: RunnerName; readonly durationMs: number }
  | {
      readonly kind: 'stepStarted';
      readonly step: StepName;
      /** Why it runs: `web/a.ts changed`, `the instruction is new`. */
      readonly reason: string;
      /** `cause`: this step's own miss. `follows`: a step before it ran. */
      readonly because: 'cause' | 'follows';
    }
  | { readonly kind: 'stepOutput'; readonly step: StepName; readonly chunk: Uint8Array }
  | {
      readonly kind: 'stepEnded';
      readonly step: StepName;
      readonly exit: Exit;
      readonly durationMs: number;
      readonly reads: number;
    }
  /** It succeeded, but the next run cannot use it, or not resume from it. */
  | { readonly kind: 'stepNotKept'; readonly step: StepName; readonly why: string }
  | {
      readonly kind: 'stepFailed';
      readonly step: StepName;
      readonly exit: Exit;
      readonly why: string;
      readonly tail: string;
      /** By which the machine as the step left it can be entered; null where it was not kept. */
      readonly kept: InstanceId | null;
    }
  | { readonly kind: 'waiting'; readonly runner: RunnerName; readonly for: readonly LayerId[] }
  | { readonly kind: 'button'; readonly step: StepName; readonly message: string }
  | { readonly kind: 'pressed'; readonly step: StepName; readonly message: string }
  | { readonly kind: 'remainingSkipped'; readonly step: StepName; readonly count: number }
  /** Something to know: a restart of background processes, a volume used, a store without room. `error`: why nothing can be run. */
  | {
      readonly kind: 'note';
      readonly runner: RunnerName | null;
      readonly level: 'info' | 'warning' | 'error';
      readonly message: string;
    }
  /** A base machine is made or fetched: a line of progress. */
  | { readonly kind: 'baseProgress'; readonly machine: string; readonly message: string }
  | { readonly kind: 'serving'; readonly runner: RunnerName; readonly address: string }
  | { readonly kind: 'runEnded'; readonly outcome: RunOutcome; readonly durationMs: number };

/** `passed`, or the gravest of what its runners ended with. */
export type RunOutcome = 'passed' | 'failed' | 'broken' | 'waiting' | 'interrupted';

/** Where events go. Never throws. */
export type Listener = (event: Event) => void;
