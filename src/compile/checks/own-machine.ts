import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { needsMachine } from '../../ir/needs-machine.ts';
import { runsOf } from './command.ts';
import type { Rule } from './rule.ts';

/** Commands that need a machine of their own; each reason once a file. */
export const checkOwnMachine: Rule = (checked, report) => {
  const said = new Set<string>();
  for (const { look, place } of runsOf(checked)) {
    for (const { command, why, start, end } of needsMachine(look)) {
      if (said.has(why)) continue;
      said.add(why);
      report(diagnostic('lint/own-machine', place(start, end), { command, why }));
    }
  }
};
