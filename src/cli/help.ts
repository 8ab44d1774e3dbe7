import { type Operands, type Option, placeholderOf } from './args.ts';
import type { Command, Example } from './command.ts';
import { commands } from './commands.ts';

/** What `layer --help` prints. */
export function generalHelp(): string {
  return paragraphs([
    'layer: CI that skips what cannot have changed',
    'Usage: layer <command> [options]',
    section('Commands:', [
      ...Object.entries(commands).map(([name, one]) => [name, one.summary] as const),
      ['help', 'says more about a command; `layer help instructions` lists the instructions of a Layerfile'],
    ]),
    section('Options:', [
      ['-h, --help', 'prints this, or a command’s own help'],
      ['--version', 'prints the version'],
    ]),
    examples([
      { command: 'layer check', does: 'check every Layerfile of this repository' },
      { command: 'layer help check', does: 'say what `layer check` can do' },
      { command: 'layer explain RUN', does: 'say what an instruction does' },
    ]),
  ]);
}

/** What `layer <name> --help` prints. */
export function commandHelp(name: string, command: Command): string {
  const options = Object.entries(command.options).map(([option, one]) => [optionForms(option, one), one.help] as const);
  const { operands } = command;
  const usage = ['Usage: layer', name, '[options]', operands ? operandForm(operands) : ''].join(' ').trimEnd();
  return paragraphs([
    `layer ${name}: ${commands[name]?.summary ?? ''}`,
    usage,
    ...(command.description === null ? [] : [command.description]),
    ...(operands ? [section('Arguments:', [[operands.placeholder, operands.help]])] : []),
    section('Options:', [...options, ['-h, --help', 'prints this']]),
    examples(command.examples),
  ]);
}

function operandForm({ placeholder, least, most }: Operands): string {
  const repeated = most > 1 ? `${placeholder}…` : placeholder;
  return least === 0 ? `[${repeated}]` : `<${repeated}>`;
}

function optionForms(name: string, option: Option): string {
  const long = option.kind === 'flag' ? `--${name}` : `--${name} ${placeholderOf(option)}`;
  return option.short === undefined ? long : `-${option.short}, ${long}`;
}

function section(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(24, Math.max(...rows.map(([term]) => term.length)));
  const lines = rows.map(([term, meaning]) =>
    term.length > width ? `  ${term}\n  ${' '.repeat(width)}  ${meaning}` : `  ${term.padEnd(width)}  ${meaning}`,
  );
  return [title, ...lines].join('\n');
}

function examples(lines: readonly Example[]): string {
  return section(
    'Examples:',
    lines.map((one) => [one.command, `# ${one.does}`]),
  );
}

function paragraphs(all: readonly string[]): string {
  return `${all.join('\n\n')}\n`;
}
