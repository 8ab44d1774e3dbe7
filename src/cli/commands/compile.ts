import { resolve } from 'node:path';
import { pinsReport, targets } from '../../../targets/index.ts';
import { compile as compileLayerfiles } from '../../compile/compile.ts';
import { hasErrors } from '../../diagnostics/diagnostic.ts';
import type { RepoPath } from '../../host.ts';
import { checkSupport, type OutputFile, type Target } from '../../target.ts';
import { choice, flag, text } from '../args.ts';
import { command, type Context } from '../command.ts';
import { chosenTarget } from '../compile/target.ts';
import { nextChange } from '../compile/watch.ts';
import { exit, type ExitCode } from '../../exit.ts';
import { layerfileOperands } from '../layerfile-operands.ts';
import { countProblems, terminalReport } from '../report.ts';
import { select, type Selection } from '../../world/selection.ts';
import { codeOf } from './check.ts';

const names = Object.keys(targets) as [string, ...string[]];

export const compile = command({
  description:
    'Writes files that another system runs: a workflow of GitHub Actions, or an Earthfile. What that system cannot do is an error, what it\n' +
    'does differently a warning; nothing is left out silently.',
  operands: layerfileOperands,
  options: {
    target: choice(names, 'what to compile for'),
    out: text('path', 'where to write, from the root of the repository; `-` prints, and writes nothing'),
    check: flag('write nothing; end with 2 where a file on disk is not what would be written'),
    watch: flag('write again whenever a Layerfile changes, until Ctrl-C'),
    background: choice(
      ['native', 'shell'],
      'GitHub: how RUN BACKGROUND stays up; `shell` for servers without background steps',
    ),
    inherit: choice(
      ['inline', 'artifact', 'image'],
      'GitHub: run the steps of parents in each job; once, handing on the files they change; or once for as long as nothing that they ' +
        'copy changes, keeping an image',
    ),
    os: choice(
      ['runner', 'container'],
      "GitHub: run on GitHub's own machines, or in containers of exactly the system that FROM names",
    ),
    engine: flag('GitHub: let each job run `layer run`, which skips what cannot have changed'),
    action: text('uses', "with --engine: this project's action, as owner/repository@commit or ./path"),
    'runs-on': text('labels', 'with --engine: the runners (`self-hosted,kvm`); ubuntu-24.04 by default'),
    'print-pins': flag('GitHub: print the actions and images that workflows use, and how to look for newer ones'),
  },
  examples: [
    { command: 'layer compile --target github', does: 'write .github/workflows/layer.yml' },
    { command: 'layer compile --target github --out -', does: 'print it' },
    { command: 'layer compile --target github --check', does: 'fail where it is stale, for CI and commit hooks' },
    {
      command: 'layer compile --target github --engine --runs-on self-hosted,kvm',
      does: 'run `layer run` on machines of your own',
    },
  ],
  async run({ options, operands }, context) {
    const { terminal } = context.host;
    const wrong = (problem: string): ExitCode => {
      terminal.error(`layer compile: ${problem}\n`);
      return exit.usage;
    };
    if (options['print-pins']) {
      terminal.out(pinsReport());
      return exit.done;
    }
    const { 'runs-on': runsOn, ...choices } = options;
    const target = chosenTarget({ ...choices, runsOn });
    if ('problem' in target) return wrong(target.problem);
    const selection = select(operands, context.host);
    if ('problem' in selection) return wrong(selection.problem);
    const once = () =>
      compileOnce({ target: target(selection.repository), selection, context, out: options.out, check: options.check });
    // Looked out for before the files are read, so that no change is missed.
    const change = () => nextChange(selection.repository.root, context.signal);
    let changed = options.watch ? change() : null;
    let code = await once();
    while (changed !== null) {
      await changed;
      if (context.signal.aborted) break;
      changed = change();
      code = await once();
    }
    return code;
  },
});

interface Work {
  readonly target: Target;
  readonly selection: Selection;
  readonly context: Context;
  readonly out: string | null;
  readonly check: boolean;
}

async function compileOnce({ target, selection, context, out, check }: Work): Promise<ExitCode> {
  const { terminal } = context.host;
  const { plan, diagnostics } = await compileLayerfiles(selection.repository, selection);
  const found = plan === null ? diagnostics : [...diagnostics, ...target.check(plan), ...checkSupport(plan, target)];
  terminal.error(await terminalReport(found, terminal, selection.showPath));
  if (plan === null || hasErrors(found)) {
    terminal.error(`layer compile: ${countProblems(found)}; nothing is written\n`);
    return plan === null ? codeOf(diagnostics) : exit.wrong;
  }
  const files = placed(target.emit(plan), out);
  const foreign = files.find((file) => isForeign(selection, file));
  if (foreign !== undefined) {
    terminal.error(
      `layer compile: ${selection.showPath(foreign.path)} was not written by layer compile; move it away, or name another place with --out\n`,
    );
    return exit.wrong;
  }
  return check ? compare({ files, selection, context }) : write({ files, selection, context });
}

/** `--out` moves the first file; what belongs to it keeps its own place. `-` is the first file alone. */
function placed(files: readonly OutputFile[], out: string | null): readonly OutputFile[] {
  if (out === null) return files;
  const moved = files.map((file, index) => (index === 0 ? { ...file, path: out } : file));
  return out === '-' ? moved.slice(0, 1) : moved;
}

interface Output {
  readonly files: readonly OutputFile[];
  readonly selection: Selection;
  readonly context: Context;
}

async function write({ files, selection, context }: Output): Promise<ExitCode> {
  const { terminal, writer } = context.host;
  for (const { path, content } of files) {
    if (path === '-') terminal.out(content);
    else if (!isCurrent(selection, path, content)) {
      await writer.write(resolve(selection.repository.root, path), content);
      terminal.error(`wrote ${selection.showPath(path)}\n`);
    }
  }
  return exit.done;
}

function compare({ files, selection, context }: Output): ExitCode {
  const stale = files.filter(({ path, content }) => path !== '-' && !isCurrent(selection, path, content));
  for (const { path } of stale) {
    context.host.terminal.error(
      `layer compile: ${selection.showPath(path)} is stale; run this again without --check\n`,
    );
  }
  return stale.length === 0 ? exit.done : exit.wrong;
}

const mark = 'layer compile --target';

/** Whether somebody else's file is where one of ours, which says so on top, would go. */
function isForeign({ repository }: Selection, { path, content }: OutputFile): boolean {
  if (path === '-' || !content.slice(0, 200).includes(mark)) return false;
  const found = repository.read(path as RepoPath);
  return 'bytes' in found && !new TextDecoder().decode(found.bytes.subarray(0, 1000)).includes(mark);
}

function isCurrent({ repository }: Selection, path: string, content: string): boolean {
  const found = repository.read(path as RepoPath);
  return 'bytes' in found && new TextDecoder().decode(found.bytes) === content;
}
