import { availableParallelism } from 'node:os';
import { run as runPlan } from '../../runner/run.ts';
import { choice, flag, number, text, texts } from '../args.ts';
import { command } from '../command.ts';
import { exit, type ExitCode } from '../../exit.ts';
import { layerfileOperands } from '../layerfile-operands.ts';
import { terminalReport } from '../report.ts';
import { elevate, watchWhoElevated } from '../run/elevate.ts';
import { compileFetched } from '../run/fetched.ts';
import { forcing } from '../run/force.ts';
import { codeOfRun } from '../../world/exit-code.ts';
import { openRun } from '../../world/open.ts';
import { progressKinds, reporterFor } from '../run/reporter.ts';
import { select } from '../../world/selection.ts';
import { codeOf } from './check.ts';

export const run = command({
  description:
    'Runs the Layerfiles with all that they start from and wait for. A step is skipped where nothing that it or a step before it\n' +
    'looked at has changed; for each step that runs, the reason is printed.\n' +
    'Ends with 0 where all is done, 1 where a step failed, 2 where the Layerfiles are wrong, 3 where the host failed, 75 where a BUTTON waits.',
  operands: layerfileOperands,
  options: {
    progress: choice(progressKinds, 'how to show what happens: a live tree, steady lines, JSON lines, or only the end'),
    json: flag('the same as --progress=json'),
    'no-cache': flag('run every step, and never fall back to what these would have skipped to'),
    'rerun-from': text(
      'step',
      'run a step and all after it: its place (web/Layerfile:5), checkpoint or a part of its text',
    ),
    'keep-going': flag('let what does not need a failed Layerfile run on'),
    jobs: number('n', 1, 'machines at the same time; the number of processors by default'),
    driver: choice(['sandbox'], 'what runs the machines'),
    store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
    secret: texts('name', 'pass on a secret from this environment'),
    'secret-file': texts('name=path', 'give a secret as the content of a file, in base64'),
    env: texts('name=value', 'set a predefined variable'),
    press: texts('button', 'press a BUTTON in advance: its message or its number'),
    serve: flag('keep what EXPOSE names reachable until Ctrl-C'),
    offline: flag('do not ask other repositories for newer commits'),
  },
  examples: [
    { command: 'layer run', does: 'run every Layerfile of this repository' },
    { command: 'layer run web/tests', does: 'run those in a directory, and what they need' },
    { command: 'layer run --rerun-from web/Layerfile:5', does: 'run a step again although nothing has changed' },
    { command: 'layer run --secret NPM_TOKEN', does: 'hand on $NPM_TOKEN to SECRET ENV NPM_TOKEN' },
    { command: 'layer run --serve web', does: 'look at the site that a Layerfile exposes' },
    { command: 'layer run --json | jq .kind', does: 'follow a run with a program' },
  ],
  async run({ options, operands }, context) {
    const { terminal } = context.host;
    const wrong = (problem: string): ExitCode => {
      terminal.error(`layer run: ${problem}\n`);
      return exit.usage;
    };
    const selection = select(operands, context.host);
    if ('problem' in selection) return wrong(selection.problem);
    const given = options.env.map((one) => one.split('=')[0] ?? '');
    const cannot = (failure: string): ExitCode => {
      terminal.error(`layer run: ${failure}\n`);
      return exit.hostFailed;
    };
    const compiled = await compileFetched(selection.repository, {
      compile: { only: selection.only, given },
      offline: options.offline,
      env: context.host.environment,
      tell: (message) => terminal.error(`${message}\n`),
      signal: context.signal,
    });
    if ('failure' in compiled) return cannot(compiled.failure);
    const { plan, diagnostics } = compiled;
    if (plan === null) {
      terminal.error(terminalReport(diagnostics, terminal, selection.showPath));
      return codeOf(diagnostics);
    }
    const forced = forcing(plan, { noCache: options['no-cache'], rerunFrom: options['rerun-from'] });
    if ('problem' in forced) return wrong(forced.problem);
    const elevated = await elevate(context.host.environment);
    if (typeof elevated === 'number') return elevated as ExitCode;
    if (elevated !== null) return cannot(`this host cannot run machines: ${elevated.failure}`);
    watchWhoElevated(context.host.environment, () => process.kill(process.pid, 'SIGTERM'));
    const warnings = diagnostics.filter((one) => one.severity === 'warning');
    terminal.error(terminalReport(warnings, terminal, selection.showPath));
    const reporter = reporterFor(options.json ? 'json' : options.progress, context.host);
    const opened = await openRun({
      options,
      plan,
      root: selection.repository.root,
      context,
      listener: reporter.listen,
    });
    if ('problem' in opened) return wrong(opened.problem);
    if ('failure' in opened) return cannot(opened.failure);
    await using world = opened;
    for (const warning of world.warnings) terminal.error(`warning: ${warning}\n`);
    try {
      const outcome = await runPlan({
        plan,
        wanted: plan.layers.filter((layer) => layer.own).map((layer) => layer.id),
        ports: world.ports,
        jobs: options.jobs ?? availableParallelism(),
        keepGoing: options['keep-going'],
        forced: forced.forced,
        listener: reporter.listen,
        signal: context.signal,
      });
      return codeOfRun(outcome);
    } finally {
      reporter.close();
    }
  },
});
