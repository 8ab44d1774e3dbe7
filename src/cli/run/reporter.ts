import type { Clock, Terminal } from '../../host.ts';
import { createJsonReporter } from '../reporters/json.ts';
import { createPlainReporter } from '../reporters/plain.ts';
import { createQuietReporter } from '../reporters/quiet.ts';
import type { Reporter } from '../../report/reporter.ts';
import { createTtyReporter } from '../reporters/tty.ts';

export const progressKinds = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type Progress = (typeof progressKinds)[number];

/** The reporter a person asked for; `auto` is a live tree on a terminal and steady lines elsewhere. */
export function reporterFor(
  progress: Progress,
  { terminal, clock }: { readonly terminal: Terminal; readonly clock: Clock },
): Reporter {
  switch (progress) {
    case 'auto':
      return terminal.isTty ? createTtyReporter(terminal, clock) : createPlainReporter(terminal);
    case 'tty':
      return createTtyReporter(terminal, clock);
    case 'plain':
      return createPlainReporter(terminal);
    case 'json':
      return createJsonReporter(terminal);
    case 'quiet':
      return createQuietReporter(terminal);
  }
}
