import { type Operands, type Option, placeholderOf } from './args.ts';
import type { Command, Example } from './command.ts';
import { commands } from './commands.ts';
import { wrapped } from './wrap.ts';

/** What `layer --help` prints, for lines of so many columns. */
export function generalHelp(columns: number): string {
  const section = sectionFor(columns);
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
    section(
      'Examples:',
      exampleRows([
        { command: 'layer check', does: 'check every Layerfile of this repository' },
        { command: 'layer run', does: 'run them' },
        { command: 'layer help run', does: 'say what `layer run` can do' },
        { command: 'layer explain RUN', does: 'say what an instruction does' },
      ]),
    ),
  ]);
}

/** What `layer <name> --help` prints, for lines of so many columns. */
export function commandHelp(name: string, command: Command, columns: number): string {
  const section = sectionFor(columns);
  const options = Object.entries(command.options).map(([option, one]) => [optionForms(option, one), one.help] as const);
  const { operands } = command;
  const usage = ['Usage: layer', name, '[options]', operands ? operandForm(operands) : ''].join(' ').trimEnd();
  return paragraphs([
    `layer ${name}: ${commands[name]?.summary ?? ''}`,
    usage,
    ...(command.description === null ? [] : [sentences(command.description, columns)]),
    ...(operands ? [section('Arguments:', [[operands.placeholder, operands.help]])] : []),
    section('Options:', [...options, ['-h, --help', 'prints this']]),
    section('Examples:', exampleRows(command.examples)),
  ]);
}

function operandForm({ placeholder, least, most, usage }: Operands): string {
  if (usage !== undefined) return usage;
  const repeated = most > 1 ? `${placeholder}…` : placeholder;
  return least === 0 ? `[${repeated}]` : `<${repeated}>`;
}

function optionForms(name: string, option: Option): string {
  const long = option.kind === 'flag' ? `--${name}` : `--${name} ${placeholderOf(option)}`;
  return option.short === undefined ? long : `-${option.short}, ${long}`;
}

/** Lays out a title and rows of a term and what it means, which goes on below itself. */
function sectionFor(columns: number): (title: string, rows: readonly (readonly [string, string])[]) => string {
  return (title, rows) => {
    const width = Math.min(24, Math.max(...rows.map(([term]) => term.length)));
    const indent = ' '.repeat(width + 4);
    const lines = rows.map(([term, meaning]) => {
      const text = wrapped(meaning, columns - indent.length).join(`\n${indent}`);
      return term.length > width ? `  ${term}\n${indent}${text}` : `  ${term.padEnd(width)}  ${text}`;
    });
    return [title, ...lines].join('\n');
  };
}

/** A line end behind a full stop stays; others are where the source was full. */
function sentences(text: string, columns: number): string {
  return text
    .replace(/([^.])\n/g, '$1 ')
    .split('\n')
    .flatMap((paragraph) => wrapped(paragraph, columns))
    .join('\n');
}

function exampleRows(lines: readonly Example[]): readonly (readonly [string, string])[] {
  return lines.map((one) => [one.command, `# ${one.does}`]);
}

function paragraphs(all: readonly string[]): string {
  return `${all.join('\n\n')}\n`;
}
