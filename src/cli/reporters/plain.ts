import type { Terminal } from '../../host.ts';
import type { Event, StepName } from '../../runner/events.ts';
import { finalReport } from '../../report/final-report.ts';
import { createLines, type Lines } from '../../report/lines.ts';
import type { Reporter } from '../../report/reporter.ts';
import { createSummary } from '../../report/summary.ts';
import { duration, plainText, plural, stepText } from '../../report/text.ts';

/** Steady lines, each of which says which Layerfile and step it is about. */
export function createPlainReporter(terminal: Terminal): Reporter {
  const summary = createSummary();
  const streams = new Map<string, Lines>();
  const { colour } = terminal;
  const print = (line: string): void => terminal.out(`${line}\n`);

  const stream = (step: StepName): Lines => {
    const key = `${step.runner.id} ${step.index}`;
    const known = streams.get(key) ?? createLines({ colour });
    streams.set(key, known);
    return known;
  };
  const show = (step: StepName, lines: readonly string[]): void => {
    for (const line of lines) print(`${stepText(step)} │ ${line}`);
  };

  const listen = (event: Event): void => {
    summary.add(event);
    switch (event.kind) {
      case 'stepSkipped':
        print(
          `${stepText(event.step)}: skipped (${event.instance.slice(0, 4)}, ${plural(event.reads, 'read')} unchanged)`,
        );
        return;
      case 'stepStarted':
        print(`${stepText(event.step)}: rerun: ${plainText(event.reason)}`);
        return;
      case 'stepOutput':
        show(event.step, stream(event.step).push(event.chunk));
        return;
      case 'stepEnded':
        show(event.step, stream(event.step).end());
        print(`${stepText(event.step)}: done in ${duration(event.durationMs)}`);
        return;
      case 'stepFailed':
        show(event.step, stream(event.step).end());
        print(`${stepText(event.step)}: failed: ${plainText(event.why)}`);
        return;
      case 'stepNotKept':
        print(`${stepText(event.step)}: not kept: ${plainText(event.why)}`);
        return;
      case 'waiting':
        print(`${plainText(event.runner.label)} ▸ waiting for ${event.for.join(', ')}`);
        return;
      case 'button':
        print(`${stepText(event.step)}: waiting for a press`);
        return;
      case 'pressed':
        print(`${stepText(event.step)}: pressed`);
        return;
      case 'remainingSkipped':
        print(`${stepText(event.step)}: it holds: leaving out ${plural(event.count, 'step')}`);
        return;
      case 'note':
        print(
          `${event.runner ? `${plainText(event.runner.label)} ▸ ` : ''}${event.level === 'info' ? '' : `${event.level}: `}${plainText(event.message)}`,
        );
        return;
      case 'baseProgress':
        print(`${plainText(event.machine)} ▸ ${plainText(event.message)}`);
        return;
      case 'serving':
        print(`${plainText(event.runner.label)} ▸ serving on ${plainText(event.address)} until Ctrl-C`);
        return;
      case 'runEnded':
        for (const line of finalReport(summary.summary, { colour })) print(line);
        return;
      case 'runStarted':
      case 'runnerStarted':
      case 'runnerEnded':
      case 'machineStarting':
      case 'machineReady':
      case 'machineHibernated':
      case 'machineWoken':
        return;
    }
  };
  return { listen, close() {} };
}
