import { exit, type ExitCode } from '../exit.ts';
import type { RunOutcome } from '../runner/events.ts';

/** What `layer` ends with after a run. */
export function codeOfRun(outcome: RunOutcome): ExitCode {
  switch (outcome) {
    case 'passed':
      return exit.done;
    case 'failed':
      return exit.stepFailed;
    case 'broken':
      return exit.hostFailed;
    case 'waiting':
      return exit.waiting;
    case 'interrupted':
      return exit.interrupted;
  }
}
