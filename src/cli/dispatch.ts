import { nearest } from '../diagnostics/near.ts';
import { readArgs } from './args.ts';
import type { Context } from './command.ts';
import { commands } from './commands.ts';
import { exit, type ExitCode } from '../exit.ts';
import { commandHelp, generalHelp } from './help.ts';

/** Does what was typed behind `layer`; what is wrong with it goes to standard error. */
export async function dispatch(typed: readonly string[], context: Context): Promise<ExitCode> {
  const { terminal } = context.host;
  const [first, ...rest] = typed;
  if (first === undefined) {
    terminal.error(generalHelp(terminal.columns));
    return exit.usage;
  }
  if (first === '--version' || first === '-V' || first === '-v') {
    terminal.out(`layer ${context.version}\n`);
    return exit.done;
  }
  if (first === 'help' || first === '--help' || first === '-h') return help(rest, context);
  return runCommand(first, rest, context);
}

async function help([topic]: readonly string[], context: Context): Promise<ExitCode> {
  if (topic === undefined || topic === 'help') {
    context.host.terminal.out(generalHelp(context.host.terminal.columns));
    return exit.done;
  }
  if (topic === 'instructions') return runCommand('explain', [], context);
  return runCommand(topic, ['--help'], context);
}

async function runCommand(name: string, typed: readonly string[], context: Context): Promise<ExitCode> {
  const { terminal } = context.host;
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!entry) {
    terminal.error(`layer: ${unknownCommand(name)}\n`);
    return exit.usage;
  }
  const command = await entry.load();
  if (asksForHelp(typed)) {
    terminal.out(commandHelp(name, command, terminal.columns));
    return exit.done;
  }
  const args = readArgs(typed, command);
  if ('problem' in args) {
    terminal.error(`layer ${name}: ${args.problem}\n  layer ${name} --help says how it is used\n`);
    return exit.usage;
  }
  try {
    return await command.run(args, context);
  } catch (problem) {
    // Whatever was under way when a person stopped it may end as it likes.
    if (!context.signal.aborted) throw problem;
    if (context.host.environment['LAYER_DEBUG']) terminal.error(`${String(problem)}\n`);
    return exit.interrupted;
  }
}

function asksForHelp(typed: readonly string[]): boolean {
  const end = typed.indexOf('--');
  return typed.slice(0, end < 0 ? typed.length : end).some((word) => word === '--help' || word === '-h');
}

/** What people who come from other tools type, and what does it here. */
const knownElsewhere: Readonly<Record<string, string>> = {
  ...{
    build: 'layer run',
    test: 'layer run',
    start: 'layer run',
    up: 'layer run',
    exec: 'layer shell STEP -- COMMAND',
  },
  ...{
    lint: 'layer check',
    validate: 'layer check',
    format: 'layer fmt',
    convert: 'layer compile',
    status: 'layer plan',
  },
  ...{
    clean: 'layer prune',
    gc: 'layer prune',
    rm: 'layer prune',
    ls: 'layer du',
    images: 'layer du',
    debug: 'layer shell',
  },
  ...{ ssh: 'layer shell', fork: 'layer shell', approve: 'layer run --press', init: 'layer help instructions' },
  ...{ version: 'layer --version' },
};

function unknownCommand(name: string): string {
  const what = name.startsWith('-') ? 'option' : 'command';
  const elsewhere = Object.hasOwn(knownElsewhere, name) ? knownElsewhere[name] : undefined;
  if (elsewhere !== undefined) return `there is no command ${JSON.stringify(name)}; see ${elsewhere}`;
  const near = nearest(name, [...Object.keys(commands), 'help', '--help', '--version']);
  const advice = near === null ? 'layer --help lists the commands' : `did you mean layer ${near}?`;
  return `there is no ${what} ${JSON.stringify(name)}; ${advice}`;
}
