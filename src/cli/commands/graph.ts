import { compile } from '../../compile/compile.ts';
import type { Plan } from '../../ir/ir.ts';
import { printPlan, printSpans } from '../../ir/print.ts';
import { choice } from '../args.ts';
import { command } from '../command.ts';
import { exit } from '../../exit.ts';
import { dot } from '../../graph/dot.ts';
import { graphOf } from '../../graph/graph.ts';
import { mermaid } from '../../graph/mermaid.ts';
import { svg } from '../../graph/svg.ts';
import { layerfileOperands } from '../layerfile-operands.ts';
import { countProblems, terminalReport } from '../report.ts';
import { select } from '../../world/selection.ts';
import { codeOf } from './check.ts';

type Format = 'mermaid' | 'dot' | 'svg' | 'json' | 'spans';

export const graph = command({
  description:
    'Shows which Layerfile starts from which (FROM) and waits for which (WAIT). Layerfiles with errors are not drawn.\n' +
    'json is the whole plan, every step of every Layerfile; spans says where in the files each of them stands.',
  operands: layerfileOperands,
  options: {
    format: choice(
      ['mermaid', 'dot', 'svg', 'json', 'spans'],
      'a flowchart for Markdown, Graphviz, a picture, or the plan',
    ),
  },
  examples: [
    { command: 'layer graph', does: 'print a Mermaid flowchart, which GitHub draws in Markdown' },
    { command: 'layer graph --format svg > layers.svg', does: 'draw a picture for light and dark pages' },
    { command: 'layer graph --format dot | dot -Tpng > g.png', does: 'let Graphviz draw' },
    { command: 'layer graph --format json web', does: 'print the plan of the Layerfiles in web' },
  ],
  async run({ options, operands }, { host }) {
    const { terminal } = host;
    const selection = select(operands, host);
    if ('problem' in selection) {
      terminal.error(`layer graph: ${selection.problem}\n`);
      return exit.usage;
    }
    const { plan, diagnostics } = await compile(selection.repository, selection);
    if (plan === null) {
      terminal.error(await terminalReport(diagnostics, terminal, selection.showPath));
      terminal.error(
        `layer graph: ${countProblems(diagnostics)}; there is nothing to draw until the errors are mended\n`,
      );
      return codeOf(diagnostics);
    }
    const drawing = await drawn(plan, options.format);
    if (drawing === null) {
      terminal.error(
        `layer graph: ${plan.layers.length} Layerfiles are too tangled for a picture; name a part of them (layer graph --format svg web), or use --format dot\n`,
      );
      return exit.usage;
    }
    terminal.out(drawing);
    return exit.done;
  },
});

/** Null where a picture would be too much. */
async function drawn(plan: Plan, format: Format): Promise<string | null> {
  switch (format) {
    case 'mermaid':
      return mermaid(graphOf(plan));
    case 'dot':
      return dot(graphOf(plan));
    case 'svg':
      return svg(graphOf(plan));
    case 'json':
      return printPlan(plan);
    case 'spans':
      return printSpans(plan);
  }
}
