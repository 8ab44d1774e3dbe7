import type { Terminal } from '../../host.ts';
import { finalReport } from '../../report/final-report.ts';
import type { Reporter } from '../../report/reporter.ts';
import { createSummary } from '../../report/summary.ts';
import { plainText } from '../../report/text.ts';

/** Nothing but why nothing could be run, and the final report. */
export function createQuietReporter(terminal: Terminal): Reporter {
  const summary = createSummary();
  return {
    listen(event) {
      summary.add(event);
      if (event.kind === 'note' && event.level === 'error') terminal.out(`error: ${plainText(event.message)}\n`);
      if (event.kind !== 'runEnded') return;
      for (const line of finalReport(summary.summary, { colour: terminal.colour })) terminal.out(`${line}\n`);
    },
    close() {},
  };
}
