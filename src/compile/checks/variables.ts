import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { spanText } from '../../diagnostics/source.ts';
import type { ShellLook } from '../../ir/shell.ts';
import { lookIntoShell } from '../../ir/shell.ts';
import { predefinedVariable } from '../../ir/variables.ts';
import { runsOf } from './command.ts';
import type { Rule } from './rule.ts';

/** A RUN that uses what differs between branches or commits, without BUILD ENV; each name once a file. */
export const checkBuildEnv: Rule = (checked, report) => {
  const said = new Set<string>();
  for (const { look, lowered, place } of runsOf(checked)) {
    const { scope } = lowered;
    for (const { name, start, end } of look.variables) {
      if (said.has(name) || predefinedVariable(name)?.wantsBuildEnv !== true) continue;
      if (scope.buildEnv.has(name) || scope.variables.has(name) || assignedBefore(look, name, start)) continue;
      said.add(name);
      report(diagnostic('lint/build-env', place(start, end), { name }));
    }
  }
};

/** A RUN that uses a predefined secret which no SECRET ENV names; each name once a file. */
export const checkUnnamedSecret: Rule = (checked, report) => {
  const said = new Set<string>();
  for (const { look, lowered, place } of runsOf(checked)) {
    for (const { name, start, end } of look.variables) {
      if (said.has(name) || predefinedVariable(name)?.set !== 'secret' || !checked.complete) continue;
      if (lowered.scope.variables.has(name) || assignedBefore(look, name, start)) continue;
      said.add(name);
      report(diagnostic('lint/unnamed-secret', place(start, end), { name }));
    }
  }
};

/** An ENV that keeps what differs from run to run. */
export const checkKeptValue: Rule = ({ steps }, report) => {
  for (const { step, scope } of steps) {
    if (step.kind !== 'env') continue;
    const set = new Set<string>();
    for (const pair of step.pairs) {
      const text = spanText(pair.span);
      const said = new Set<string>();
      for (const { name, start, end } of lookIntoShell(text).variables) {
        if (said.has(name) || set.has(name) || scope.variables.has(name) || scope.buildEnv.has(name)) continue;
        if (predefinedVariable(name)?.varies !== true) continue;
        // The host name follows from the branch, which BUILD ENV can name in its place.
        const host = name === 'EXPOSE_WEBSITE_HOST';
        if (host && (scope.buildEnv.has('SUBDOMAIN') || scope.buildEnv.has('GIT_BRANCH'))) continue;
        said.add(name);
        const span = { file: pair.span.file, start: pair.span.start + start, end: pair.span.start + end };
        report(
          diagnostic('lint/kept-value', span, { variable: name, name: pair.name, instead: host ? 'SUBDOMAIN' : null }),
        );
      }
      set.add(pair.name);
    }
  }
};

const declarations = new Set(['export', 'declare', 'local', 'readonly', 'typeset']);

/** Whether the command line itself gives the name a value, so that it is not the predefined one. */
function assignedBefore(look: ShellLook, name: string, at: number): boolean {
  return look.commands.some(({ start, assignments, program, words }) => {
    if (start >= at) return false;
    if (assignments.includes(name)) return program === '';
    if (declarations.has(program)) return words.some(({ text, end }) => text.startsWith(`${name}=`) && end <= at);
    return program === 'read' && words.some(({ text }) => text === name);
  });
}
