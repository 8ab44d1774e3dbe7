import { catalog } from '../../diagnostics/catalog.ts';
import type { CatalogEntry } from '../../diagnostics/catalog/entry.ts';
import { nearest } from '../../diagnostics/near.ts';
import { type Hover, hovers } from '../../syntax/generated-hover.ts';
import { keywords } from '../../syntax/keywords.ts';
import type { InstructionKind } from '../../syntax/ast.ts';
import { predefinedVariable, predefinedVariables } from '../../ir/variables.ts';
import { command } from '../command.ts';
import { exit } from '../../exit.ts';
import { flowed } from '../wrap.ts';

const entries: { readonly [code: string]: CatalogEntry<never> } = catalog;
const kinds = Object.keys(hovers) as InstructionKind[];

export const explain = command({
  description: 'Without an argument, lists what can be explained.',
  operands: {
    placeholder: 'topic',
    help: 'the code of a diagnostic, as `layer check` prints it, an instruction, or a predefined variable',
    least: 0,
    most: 4,
  },
  options: {},
  examples: [
    { command: 'layer explain syntax/unknown-instruction', does: 'say what a diagnostic means and how to cure it' },
    { command: 'layer explain RUN BACKGROUND', does: 'say what an instruction does and how it is written' },
    { command: 'layer explain', does: 'list all codes and instructions' },
  ],
  async run({ operands }, { host: { terminal } }) {
    if (operands.length === 0) {
      terminal.out(`${instructionList()}\n\nDiagnostics:\n${Object.keys(entries).sort().map(indented).join('\n')}\n`);
      return exit.done;
    }
    const topic = operands.join(' ');
    const text =
      codeText(topic) ?? instructionText(topic, terminal.columns) ?? variableText(topic) ?? shortCodeText(topic);
    if (text !== null) {
      terminal.out(text);
      return exit.done;
    }
    const variables = predefinedVariables.map(({ name }) => name);
    const near = nearest(topic, [...Object.keys(entries), ...Object.values(keywords), ...variables]);
    const advice = near === null ? '`layer explain` lists what there is' : `did you mean ${near}?`;
    terminal.error(`layer explain: nothing is called ${JSON.stringify(topic)}; ${advice}\n`);
    return exit.usage;
  },
});

function codeText(topic: string): string | null {
  const entry = Object.hasOwn(entries, topic) ? entries[topic] : undefined;
  return entry ? `${entry.severity} ${topic}\n\n${entry.explain.trim()}\n` : null;
}

/** A code without what stands before its slash; null where several end so. */
function shortCodeText(topic: string): string | null {
  const [code, ...others] = Object.keys(entries).filter((one) => one.endsWith(`/${topic}`));
  return code === undefined || others.length > 0 ? null : codeText(code);
}

function variableText(topic: string): string | null {
  const variable = predefinedVariable(topic.replace(/^\$/, ''));
  if (variable === null) return null;
  const { name, set, meaning, buildEnv, varies } = variable;
  const when = { always: 'Always set', sometimes: 'Set where there is a value', secret: 'A secret' }[set];
  const again = buildEnv
    ? `A step that uses it runs again when it changes only after \`BUILD ENV ${name}\`.`
    : 'BUILD ENV cannot name it.';
  return `${name}\n\n  ${when}: ${meaning}.\n${varies ? `  ${again}\n` : ''}`;
}

/** A keyword, in whatever case; its first word alone stands for all that begin with it (`expose`). */
function instructionText(topic: string, columns: number): string | null {
  const wanted = topic.toUpperCase().trim().replaceAll(/\s+/g, ' ');
  const exact = kinds.filter((kind) => keywords[kind] === wanted);
  const meant = exact.length > 0 ? exact : kinds.filter((kind) => keywords[kind].startsWith(`${wanted} `));
  return meant.length === 0 ? null : `${meant.map((kind) => hoverText(hovers[kind], columns)).join('\n')}`;
}

function hoverText({ forms, summary, details, example }: Hover, columns: number): string {
  const text = flowed(`${summary}\n\n${details}\n\nExample: ${example}`, columns - 2);
  return `${forms.join('\n')}\n\n${text.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n`;
}

function instructionList(): string {
  const width = Math.max(...kinds.map((kind) => keywords[kind].length));
  const rows = kinds.map((kind) => indented(`${keywords[kind].padEnd(width)}  ${hovers[kind].summary}`));
  return `Instructions:\n${rows.join('\n')}`;
}

function indented(line: string): string {
  return `  ${line}`;
}
