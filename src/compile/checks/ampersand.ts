import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { runsOf } from './command.ts';
import type { Rule } from './rule.ts';

/** A command line whose last command goes to the background. */
export const checkAmpersand: Rule = (checked, report) => {
  for (const { run, look, place } of runsOf(checked)) {
    if (run.mode === 'repeatable') continue;
    const last = look.commands.findLast(({ depth }) => depth === 0);
    if (last?.terminator !== '&') continue;
    const at = run.command.lastIndexOf('&');
    report(
      diagnostic('lint/ampersand', place(at, at + 1), { background: run.mode === 'background' ? 'background' : 'run' }),
    );
  }
};
