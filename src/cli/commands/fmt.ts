import { join } from 'node:path';
import { readText, selectLayerfiles } from '../../compile/discover.ts';
import { diagnostic, type Diagnostic, hasErrors } from '../../diagnostics/diagnostic.ts';
import { formatLayerfile } from '../../syntax/format.ts';
import { parse } from '../../syntax/parse.ts';
import { flag } from '../args.ts';
import { command } from '../command.ts';
import { exit } from '../../exit.ts';
import { layerfileOperands } from '../layerfile-operands.ts';
import { counted, terminalReport } from '../report.ts';
import { select, type Selection } from '../../world/selection.ts';
import { codeOf } from './check.ts';

export const fmt = command({
  description:
    'Rewrites the Layerfiles that are laid out differently, and never changes what they mean: only blanks, empty lines and\n' +
    'line ends. Lines that are no instruction stay as they are.',
  operands: layerfileOperands,
  options: { check: flag('write nothing; end with 2 where something would be rewritten') },
  examples: [
    { command: 'layer fmt', does: 'lay out every Layerfile of this repository' },
    { command: 'layer fmt web/Layerfile', does: 'lay out one of them' },
    { command: 'layer fmt --check', does: 'only tell which are laid out differently, in CI' },
  ],
  async run({ options, operands }, { host }) {
    const { terminal, writer } = host;
    const selection = select(operands, host);
    if ('problem' in selection) {
      terminal.error(`layer fmt: ${selection.problem}\n`);
      return exit.usage;
    }
    const { files, changed, diagnostics } = await layOut(selection);
    terminal.error(await terminalReport(diagnostics, terminal, selection.showPath));
    for (const { path, text } of changed) {
      if (!options.check) await writer.write(join(selection.repository.root, path), text);
      terminal.out(`${options.check ? 'not laid out' : 'laid out'}: ${selection.showPath(path)}\n`);
    }
    const result = options.check ? 'would be laid out differently' : 'laid out';
    const done = changed.length === 0 ? 'nothing to do' : `${changed.length} ${result}`;
    if (files > 0) terminal.out(`${counted(files, 'Layerfile')}: ${done}\n`);
    if (hasErrors(diagnostics)) return codeOf(diagnostics);
    return options.check && changed.length > 0 ? exit.wrong : exit.done;
  },
});

/** The texts that are to be written, and what could not be read. */
async function layOut({ repository, only, showPath }: Selection) {
  const diagnostics: Diagnostic[] = [];
  const report = (one: Diagnostic): void => void diagnostics.push(one);
  const all = await repository.layerfiles();
  if (all.length === 0) report(diagnostic('file/none', null, { root: repository.root }));
  const paths = only === null || all.length === 0 ? all : [...selectLayerfiles({ all, only, showPath, report })];
  const sources = paths.flatMap((path) => readText(repository, path, report) ?? []);
  const changed = sources
    .map((source) => ({ path: source.path, before: source.text, text: formatLayerfile(parse(source).ast) }))
    .filter(({ before, text }) => before !== text);
  return { files: sources.length, changed, diagnostics };
}
