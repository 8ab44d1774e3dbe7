import { positionAt } from '../../diagnostics/source.ts';
import type { Layer, LayerId } from '../../ir/ir.ts';
import type { Event, Listener, RunOutcome } from '../../runner/events.ts';
import type { FailedStep, RunRecord } from '../../runner/history.ts';

/** Watches a run for what trying it again needs. */
export function takeNotes(): {
  readonly listen: Listener;
  /** `wanted`: the layers that were to run. */
  record(wanted: readonly Layer[], outcome: RunOutcome): Pick<RunRecord, 'unfinished' | 'failures'>;
} {
  const failures: FailedStep[] = [];
  const ended = new Map<LayerId, 'succeeded' | 'not'>();
  return {
    listen(event: Event) {
      if (event.kind === 'runnerEnded') {
        const { layer } = event.runner;
        const well = event.outcome.kind === 'succeeded' && ended.get(layer) !== 'not';
        ended.set(layer, well ? 'succeeded' : 'not');
      }
      if (event.kind !== 'stepFailed') return;
      const { span, title, runner } = event.step;
      const { line } = positionAt(span.file, span.start);
      failures.push({ runner: runner.id, file: span.file.path, line, title, why: event.why });
    },
    record(wanted, outcome) {
      const done = (layer: Layer): boolean => outcome === 'passed' || ended.get(layer.id) === 'succeeded';
      return { unfinished: wanted.filter((layer) => !done(layer)).map((layer) => layer.path), failures };
    },
  };
}
