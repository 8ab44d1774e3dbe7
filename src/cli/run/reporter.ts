import type { Clock, Terminal } from '../../host.ts';
import { createJsonReporter } from '../reporters/json.ts';
import { createPlainReporter } from '../reporters/plain.ts';
import { createQuietReporter } from '../reporters/quiet.ts';
import type { Reporter } from '../../report/reporter.ts';

export const progressKinds = ['auto', 'tty', 'plain', 'json', 'quiet'] as const;
export type Progress = (typeof progressKinds)[number];

/** The reporter a person asked for; `auto` is a live tree on a terminal and steady lines elsewhere. */
export async function reporterFor(
  progress: Progress,
  { terminal, clock }: { readonly terminal: Terminal; readonly clock: Clock },
): Promise<Reporter> {
  switch (progress) {
    case 'auto':
      return reporterFor(terminal.isTty ? 'tty' : 'plain', { terminal, clock });
    case 'tty': {
      // Unicode's tables take time to load.
      const { createTtyReporter } = await import('../reporters/tty.ts');
      return createTtyReporter(terminal, clock);
    }
    case 'plain':
      return createPlainReporter(terminal);
    case 'json':
      return createJsonReporter(terminal);
    case 'quiet':
      return createQuietReporter(terminal);
  }
}
