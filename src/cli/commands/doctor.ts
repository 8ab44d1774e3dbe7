import { elevation, probeSandbox, thisHost } from '../../runner/drivers/sandbox/probe.ts';
import { flag, text } from '../args.ts';
import { command } from '../command.ts';
import { probeBases, probeGit, probeGuests, probeNode, probeStore, probeVirtualMachines } from '../doctor/probes.ts';
import { probeRunner } from '../doctor/runner.ts';
import { isFit, printExaminations, type Examination } from '../doctor/report.ts';
import { exit } from '../../exit.ts';
import { asRoot } from '../run/as-root.ts';
import { basesDirectory } from '../../world/base-host.ts';
import { knownGuests } from '../../world/drivers.ts';
import { storeDirectory } from '../../world/store-directory.ts';

export const doctor = command({
  description:
    'Tries what machines need by doing it once, and prints the one line that mends what is missing.\n' +
    'Ends with 0 where Layerfiles can be run, with 3 where they cannot.',
  operands: null,
  options: {
    json: flag('print for programs'),
    runner: flag('also what a runner of GitHub Actions needs; becomes root where the action would'),
    store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
  },
  examples: [
    { command: 'layer doctor', does: 'say what this host can do, and what would help' },
    { command: 'layer doctor --store /mnt/xfs/layer', does: 'try another place for the store' },
    { command: 'layer doctor --json', does: 'tell a program' },
    {
      command: 'layer doctor --runner',
      does: 'try a self-hosted runner, or its pod, and the registry that LAYER_REMOTE names',
    },
  ],
  async run({ options }, context) {
    const elevated = options.runner ? await asRoot('doctor', 'store', context) : null;
    if (elevated !== null) return elevated;
    const { terminal } = context.host;
    const host = thisHost();
    const directory = storeDirectory(options.store, context.host);
    const bases = basesDirectory(directory, context.host.environment);
    const store = await probeStore(directory, host);
    const examinations: readonly Examination[] = [
      { title: 'layer', probes: [probeNode(process.version), await probeGit(host)] },
      { title: `store (${directory})`, probes: store },
      { title: 'sandbox', probes: await probeSandbox(directory, host) },
      { title: 'base machines', probes: await probeBases(host) },
      ...(options.runner
        ? [{ title: 'runner', probes: await probeRunner(context.host.environment, { host, signal: context.signal }) }]
        : []),
      {
        title: 'virtual machines',
        probes: [...(await probeVirtualMachines(host, process.arch)), probeGuests(knownGuests(bases))],
      },
    ];
    const fit = isFit(examinations);
    if (options.json) {
      const prefix = fit ? [] : await elevation(host);
      terminal.out(`${JSON.stringify({ version: context.version, fit, elevation: prefix, examinations }, null, 2)}\n`);
    } else {
      terminal.out(printExaminations(examinations, { colour: terminal.colour }));
    }
    return fit ? exit.done : exit.hostFailed;
  },
});
