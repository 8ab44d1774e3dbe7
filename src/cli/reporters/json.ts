import { StringDecoder } from 'node:string_decoder';
import type { Terminal } from '../../host.ts';
import { positionAt } from '../../diagnostics/source.ts';
import type { Event, StepName } from '../../runner/events.ts';
import type { Reporter } from '../../report/reporter.ts';
import { createSummary } from '../../report/summary.ts';

/** One JSON object a line for each event, and the figures of the whole run in the last one. Output is text; what is no UTF-8 in it is replaced. */
export function createJsonReporter(terminal: Terminal): Reporter {
  const summary = createSummary();
  const decoders = new Map<string, StringDecoder>();
  const decode = (step: StepName, chunk: Uint8Array): string => {
    const key = `${step.runner.id} ${step.index}`;
    const decoder = decoders.get(key) ?? new StringDecoder('utf8');
    decoders.set(key, decoder);
    return decoder.write(Buffer.from(chunk));
  };
  return {
    listen(event) {
      summary.add(event);
      terminal.out(`${JSON.stringify(shape(event, { decode, summary: () => summary.summary }))}\n`);
    },
    close() {},
  };
}

function shape(
  event: Event,
  tools: {
    readonly decode: (step: StepName, chunk: Uint8Array) => string;
    readonly summary: () => ReturnType<typeof createSummary>['summary'];
  },
): unknown {
  const flat = 'step' in event ? { ...event, step: stepShape(event.step) } : event;
  if (event.kind === 'stepOutput')
    return { kind: event.kind, step: stepShape(event.step), text: tools.decode(event.step, event.chunk) };
  if (event.kind !== 'runEnded') return flat;
  const { skipped, total, savedMs, reruns } = tools.summary();
  return {
    ...event,
    skipped,
    total,
    savedMs,
    reruns: reruns.map(({ step, reason }) => ({ step: stepShape(step), reason })),
  };
}

function stepShape(step: StepName): unknown {
  const { line, column } = positionAt(step.span.file, step.span.start);
  return { runner: step.runner.id, index: step.index, title: step.title, file: step.span.file.path, line, column };
}
