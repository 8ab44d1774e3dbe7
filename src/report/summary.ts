import type { LayerId } from '../ir/ir.ts';
import type { Event, RunnerName, RunnerOutcome, RunOutcome, StepName } from '../runner/events.ts';

/** What became of a step. */
export interface StepRecord {
  readonly step: StepName;
  readonly skipped: boolean;
  /** Saved, where it was skipped; taken, where it ran; 0 where it did not end. */
  readonly ms: number;
  /** How many observations held, or were made. */
  readonly reads: number;
  /** Why it ran by itself; null where it was skipped, or followed another. */
  readonly reason: string | null;
}

/** A step that failed, for the end of the report. */
export interface Failure {
  readonly step: StepName;
  readonly why: string;
  readonly tail: string;
  /** The machine as it left it; null where that was not kept. */
  readonly kept: Extract<Event, { kind: 'stepFailed' }>['kept'];
}

/** What a run came to. */
export interface Summary {
  readonly skipped: number;
  readonly total: number;
  readonly savedMs: number;
  /** All of them, in the order of the Layerfiles. */
  readonly steps: readonly StepRecord[];
  /** Steps that ran because of themselves, with the reason; in the order of the Layerfiles. */
  readonly reruns: readonly { readonly step: StepName; readonly reason: string }[];
  readonly failures: readonly Failure[];
  /** Runners that did not succeed, and not by a step of their own. */
  readonly others: readonly { readonly runner: RunnerName; readonly outcome: RunnerOutcome }[];
  /** Warnings about the run as a whole: why it could not begin, a store that is not there. */
  readonly warnings: readonly string[];
  readonly outcome: RunOutcome | null;
  readonly durationMs: number;
}

/** Collects what the final report says, which is the same for every reporter. */
export interface SummaryBuilder {
  add(event: Event): void;
  readonly summary: Summary;
}

export function createSummary(): SummaryBuilder {
  const steps = new Map<string, StepRecord>();
  const failures: Failure[] = [];
  const others: { runner: RunnerName; outcome: RunnerOutcome }[] = [];
  const warnings: string[] = [];
  let layers: readonly LayerId[] = [];
  let outcome: RunOutcome | null = null;
  let durationMs = 0;
  const keyOf = (step: StepName): string => `${step.runner.id} ${step.index}`;
  return {
    add(event) {
      switch (event.kind) {
        case 'runStarted':
          layers = event.layers;
          break;
        case 'stepSkipped':
          steps.set(keyOf(event.step), {
            ...{ step: event.step, skipped: true, ms: event.savedMs },
            ...{ reads: event.reads, reason: null },
          });
          break;
        case 'stepStarted': {
          const reason = event.because === 'cause' ? event.reason : null;
          const key = keyOf(event.step);
          const before = steps.get(key);
          steps.set(key, { step: event.step, skipped: false, ms: 0, reads: 0, reason: before?.reason ?? reason });
          break;
        }
        case 'stepEnded': {
          const before = steps.get(keyOf(event.step));
          if (before) steps.set(keyOf(event.step), { ...before, ms: event.durationMs, reads: event.reads });
          break;
        }
        case 'stepFailed':
          failures.push({ step: event.step, why: event.why, tail: event.tail, kept: event.kept });
          break;
        case 'runnerEnded':
          if (event.outcome.kind !== 'succeeded' && event.outcome.kind !== 'failed') others.push(event);
          break;
        case 'note':
          if (event.runner === null && event.level !== 'info') warnings.push(event.message);
          break;
        case 'runEnded':
          outcome = event.outcome;
          durationMs = event.durationMs;
          break;
      }
    },
    get summary() {
      const all = [...steps.values()].sort(
        ({ step: a }, { step: b }) =>
          layers.indexOf(a.runner.layer) - layers.indexOf(b.runner.layer) ||
          (a.runner.copy ?? -1) - (b.runner.copy ?? -1) ||
          a.index - b.index,
      );
      const skipped = all.filter((one) => one.skipped);
      return {
        skipped: skipped.length,
        total: all.length,
        savedMs: skipped.reduce((sum, one) => sum + one.ms, 0),
        steps: all,
        reruns: all.flatMap(({ step, skipped: was, reason }) => (was || reason === null ? [] : [{ step, reason }])),
        failures,
        others,
        warnings,
        outcome,
        durationMs,
      };
    },
  };
}
