import { compile } from '../../compile/compile.ts';
import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import { renderGithub } from '../../diagnostics/render/github.ts';
import { renderJson } from '../../diagnostics/render/json.ts';
import { renderSarif } from '../../diagnostics/render/sarif.ts';
import { choice, flag, number } from '../args.ts';
import { command, type Context } from '../command.ts';
import { checkEarthfiles, isEarthfile } from '../earthfiles.ts';
import { exit, type ExitCode } from '../../exit.ts';
import { layerfileOperands } from '../layerfile-operands.ts';
import { counted, countProblems, terminalReport } from '../report.ts';
import { select, type Selection } from '../../world/selection.ts';

type Format = 'terminal' | 'github' | 'sarif' | 'json';

export const check = command({
  description:
    'Reads the Layerfiles with all that they start from and wait for, and runs nothing.\n' +
    'Ends with 0 where nothing is wrong, with 2 where there are errors or too many warnings.',
  operands: layerfileOperands,
  options: {
    format: choice(
      ['terminal', 'github', 'sarif', 'json'],
      'how to print: for people, as annotations of GitHub Actions, for code scanning, for programs',
    ),
    json: flag('the same as --format=json'),
    'max-warnings': number('n', 0, 'end with 2 where there are more warnings than that'),
  },
  examples: [
    { command: 'layer check', does: 'check every Layerfile of this repository' },
    { command: 'layer check web/tests', does: 'check those in a directory, and what they start from' },
    { command: 'layer check ci/Earthfile', does: 'check an Earthfile (anything named so, or *.earth)' },
    { command: 'layer check --max-warnings 0', does: 'let no warning pass' },
    { command: 'layer check --format github', does: 'annotate a pull request, in a GitHub Actions step' },
    { command: 'layer check --format sarif > layer.sarif', does: 'write a report for code scanning' },
  ],
  async run({ options, operands }, context) {
    const { terminal } = context.host;
    const selection = select(operands, context.host);
    if ('problem' in selection) {
      terminal.error(`layer check: ${selection.problem}\n`);
      return exit.usage;
    }
    const found = await checked(selection);
    terminal.out(await printed({ format: options.json ? 'json' : options.format, found, selection, context }));
    const tooMany = excessOf(found.diagnostics, options['max-warnings']);
    if (tooMany !== null) terminal.error(`layer check: ${tooMany}\n`);
    return tooMany === null ? codeOf(found.diagnostics) : exit.wrong;
  },
});

/** What diagnostics mean for the exit code: a path that names nothing was mistyped, other errors are the Layerfiles'. */
export function codeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  const errors = diagnostics.filter((one) => one.severity === 'error');
  if (errors.length === 0) return exit.done;
  return errors.every((one) => one.code === 'file/no-such-layerfile') ? exit.usage : exit.wrong;
}

/** What was looked at, in words, and what is wrong with it. */
interface Found {
  readonly what: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Layerfiles are checked with what they start from; Earthfiles, each by itself, where they are named. */
async function checked({ repository, only, showPath }: Selection): Promise<Found> {
  const earthfiles = only?.filter(isEarthfile) ?? [];
  const wrong = checkEarthfiles(repository, earthfiles);
  const counts = earthfiles.length === 0 ? [] : [counted(earthfiles.length, 'Earthfile')];
  const rest = only?.filter((path) => !isEarthfile(path)) ?? null;
  if (rest?.length === 0) return { what: counts.join(), diagnostics: wrong };
  const { diagnostics, files } = await compile(repository, { only: rest, showPath });
  if (files.length > 0) counts.unshift(counted(files.length, 'Layerfile'));
  return {
    what: counts.join(', '),
    diagnostics: [...diagnostics, ...wrong],
  };
}

interface Report {
  readonly format: Format;
  readonly found: Found;
  readonly selection: Selection;
  readonly context: Context;
}

async function printed({ format, found, selection, context }: Report): Promise<string> {
  const { diagnostics } = found;
  switch (format) {
    case 'terminal': {
      const report = await terminalReport(diagnostics, context.host.terminal, selection.showPath);
      return `${report}${summary(found)}\n`;
    }
    case 'github':
      return diagnostics.map(renderGithub).join('');
    case 'sarif':
      return renderSarif(diagnostics, context.version);
    case 'json':
      return renderJson(diagnostics);
  }
}

function summary({ what, diagnostics }: Found): string {
  const problems = countProblems(diagnostics);
  if (problems === '') return `${what}: nothing wrong`;
  return `${what === '' ? '' : `${what}: `}${problems}; \`layer explain <code>\` says more`;
}

function excessOf(diagnostics: readonly Diagnostic[], allowed: number | null): string | null {
  const warnings = diagnostics.filter((one) => one.severity === 'warning').length;
  if (allowed === null || warnings <= allowed) return null;
  return `${counted(warnings, 'warning')}, where --max-warnings allows ${allowed}`;
}
