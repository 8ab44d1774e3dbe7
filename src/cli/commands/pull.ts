import type { Base } from '../../ir/ir.ts';
import { plainText } from '../../report/text.ts';
import { baseHost, basesDirectory } from '../../world/base-host.ts';
import { pullBase } from '../../world/bases.ts';
import { select } from '../../world/selection.ts';
import { readAge } from '../../world/size.ts';
import { storeDirectory } from '../../world/store-directory.ts';
import { exit, type ExitCode } from '../../exit.ts';
import { flag, text } from '../args.ts';
import { command } from '../command.ts';
import { layerfileOperands } from '../layerfile-operands.ts';
import { terminalReport } from '../report.ts';
import { asRoot } from '../run/as-root.ts';
import { compileFetched } from '../run/fetched.ts';
import { codeOf } from './check.ts';

export const pull = command({
  description:
    'Looks up again which machines the names behind FROM mean (vm/debian:12), and makes those that are new. Until then a name means what it did\n' +
    'when it was first used, so that an update somewhere else makes no step run again. Where a machine is another one, all of its steps run.\n' +
    'layer prune removes machines that no name stands for.',
  operands: layerfileOperands,
  options: {
    'older-than': text('age', 'only what was looked up longer ago: 7d, 12h'),
    json: flag('print JSON'),
    store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
  },
  examples: [
    { command: 'layer pull', does: 'update the base machines of this repository' },
    { command: 'layer pull web', does: 'only those that the Layerfiles in web stand on' },
    { command: 'layer pull --older-than 7d', does: 'once a week, from a scheduled job' },
  ],
  async run({ options, operands }, context) {
    const { host, signal } = context;
    const { terminal } = host;
    const failed = (problem: string, code: ExitCode): ExitCode => {
      terminal.error(`layer pull: ${problem}\n`);
      return code;
    };
    const older = options['older-than'];
    const age = older === null ? null : readAge(older);
    if (older !== null && age === null)
      return failed(`--older-than wants an age such as 7d or 12h; it has ${JSON.stringify(older)}`, exit.usage);
    const selection = select(operands, host);
    if ('problem' in selection) return failed(selection.problem, exit.usage);
    const elevated = await asRoot('pull', 'machines', context);
    if (elevated !== null) return elevated;
    const { repository } = selection;
    const compiled = await compileFetched(repository, {
      ...{ compile: selection, offline: false, env: host.environment, signal },
      tell: (message) => terminal.error(`${message}\n`),
    });
    if ('failure' in compiled) return failed(compiled.failure, exit.hostFailed);
    if (compiled.plan === null) {
      terminal.error(await terminalReport(compiled.diagnostics, terminal, selection.showPath));
      return codeOf(compiled.diagnostics);
    }
    const bases = basesDirectory(storeDirectory(options.store, host), host.environment);
    const pulled: object[] = [];
    for (const machine of machinesOf(compiled.plan.layers.map((layer) => layer.base))) {
      const result = await pullBase(machine, {
        host: baseHost({ bases, root: repository.root, host }),
        refresh: age === null ? { kind: 'now' } : { kind: 'older', thanMs: age },
        progress: (line) => terminal.error(`${plainText(machine.name)} ▸ ${plainText(line)}\n`),
        signal,
      });
      if ('failure' in result) return failed(`${machine.name}: ${result.failure}`, exit.hostFailed);
      const { before, digest } = result;
      pulled.push({ name: machine.name, digest, before });
      if (!options.json) terminal.out(`${plainText(machine.name)}: ${outcome(before, digest)}\n`);
    }
    if (options.json) terminal.out(`${JSON.stringify({ pulled }, null, 2)}\n`);
    return exit.done;
  },
});

type MachineBase = Extract<Base, { readonly kind: 'machine' }>;

/** Each machine once, in the order of the Layerfiles. */
function machinesOf(bases: readonly Base[]): readonly MachineBase[] {
  const machines = bases.filter((base) => base.kind === 'machine');
  return [...new Map(machines.map((one) => [JSON.stringify([one.name, one.source]), one])).values()];
}

function outcome(before: string | null, digest: string): string {
  const short = (whole: string): string => whole.replace('sha256:', '').slice(0, 12);
  if (before === null) return short(digest);
  return before === digest ? `${short(digest)}, as before` : `${short(digest)}, was ${short(before)}`;
}
