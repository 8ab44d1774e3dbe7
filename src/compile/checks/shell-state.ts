import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { runsOf } from './command.ts';
import type { Rule } from './rule.ts';

const fleeting = new Set(['cd', 'pushd', 'popd', 'export', 'unset', 'umask', 'shopt']);

/** A RUN that only changes its own shell. */
export const checkShellState: Rule = (checked, report) => {
  for (const { run, look, place } of runsOf(checked)) {
    const { commands } = look;
    const [first] = commands;
    const last = commands.at(-1);
    if (run.mode !== 'plain' || first === undefined || last === undefined) continue;
    if (
      !commands.every(({ program, assignments }) => fleeting.has(program) || (program === '' && assignments.length > 0))
    )
      continue;
    const directory = commands.find(({ program }) => program === 'cd' || program === 'pushd');
    const target = directory?.words.filter(({ text }) => !/^-./.test(text)).at(-1)?.text ?? '~';
    const command = first.program === '' ? (first.assignments[0] ?? '') : first.program;
    const instead =
      directory === undefined ? 'use ENV NAME=value' : `use WORKDIR ${target}, or put what follows behind it with &&`;
    report(diagnostic('lint/shell-state-lost', place(first.start, last.end), { command, instead }));
  }
};
