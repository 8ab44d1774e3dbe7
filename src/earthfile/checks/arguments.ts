import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import { nearest } from '../../diagnostics/near.ts';
import { argumentsOf } from '../arguments.ts';
import type { EarthCommand } from '../ast.ts';
import type { EarthfileChecked } from '../check.ts';
import { earthCommands, unsupportedCommands } from '../commands.ts';
import { eachCommand } from './each.ts';

const assigning = new Set(['ENV', 'ARG', 'LET', 'SET']);

/** Flags exist, values that flags need are there, and a command has the words it needs. */
export function* checkArguments({ ast }: EarthfileChecked): Generator<Diagnostic> {
  for (const { command } of eachCommand(ast)) {
    const instead = unsupportedCommands[command.keyword];
    if (instead !== undefined) {
      yield diagnostic('earthfile/unsupported-command', command.keywordSpan, { keyword: command.keyword, instead });
      continue;
    }
    const { form, flags: table, leastWords } = earthCommands[command.keyword];
    const { flags, words } = argumentsOf(command);
    for (const flag of flags) {
      if (!flag.known) {
        const near = nearest(flag.name, Object.keys(table));
        yield diagnostic('earthfile/unknown-flag', flag.span, { flag: flag.name, keyword: command.keyword, near });
      } else if (table[flag.name] === 'value' && flag.value === null) {
        yield diagnostic('earthfile/flag-without-value', flag.span, { flag: flag.name });
      }
    }
    if (words.length < leastWords && !flags.some(({ name }) => name === '--entrypoint'))
      yield diagnostic('earthfile/missing-words', command.keywordSpan, { form });
    if (assigning.has(command.keyword)) yield* checkAssignment(command, form);
    if (command.keyword === 'LABEL') yield* checkLabels(command, form);
  }
}

function* checkAssignment(command: EarthCommand, form: string): Generator<Diagnostic> {
  const [assignment] = command.assignments;
  if (assignment === undefined) {
    yield diagnostic('earthfile/missing-words', command.keywordSpan, { form });
    return;
  }
  const { name, value } = assignment;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name.text)) {
    yield diagnostic('earthfile/variable-name', name.span, { name: name.text });
  }
  const required = command.words.some((word) => word.text === '--required');
  if (command.keyword === 'ARG' && required && value !== null)
    yield diagnostic('earthfile/required-default', value.span, { name: name.text });
  const signed = command.leaves.some((leaf) => leaf.kind === 'equals');
  const complete =
    command.keyword === 'LET' || command.keyword === 'SET'
      ? signed && value !== null
      : command.keyword !== 'ARG' || signed || value === null;
  if (!complete) yield diagnostic('earthfile/missing-words', name.span, { form });
}

/** LABEL takes pairs only: the form of Dockerfiles with a blank is refused. */
function* checkLabels(command: EarthCommand, form: string): Generator<Diagnostic> {
  for (const { name, value } of command.assignments) {
    if (value === null) yield diagnostic('earthfile/missing-words', name.span, { form });
  }
}
