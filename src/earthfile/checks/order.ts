import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { EarthCommand } from '../ast.ts';
import type { EarthfileChecked } from '../check.ts';
import { commandsOf } from '../walk.ts';

/** Commands that begin a build environment. */
const begins = new Set(['FROM', 'FROM DOCKERFILE', 'LOCALLY']);

/** Commands that make sense without one. */
const free = new Set([
  'ARG',
  'LET',
  'SET',
  'BUILD',
  'IMPORT',
  'WAIT',
  'PROJECT',
  'PIPELINE',
  'TRIGGER',
  'FOR',
  'FUNCTION',
  'COMMAND',
  'DO',
  'VERSION',
  'END',
]);

/** Nothing that needs a build environment stands before FROM; functions use their caller's, targets the base recipe's. */
export function* checkOrder({ ast }: EarthfileChecked): Generator<Diagnostic> {
  const base = [...commandsOf(ast.base)].map((placed) => placed.command);
  const baseBegins = base.some((command) => begins.has(command.keyword) || command.keyword === 'DO');
  yield* checkCommands(base);
  if (baseBegins) return;
  for (const recipe of ast.recipes) {
    if (recipe.kind === 'target') yield* checkCommands([...commandsOf(recipe.body)].map((placed) => placed.command));
  }
}

function* checkCommands(commands: readonly EarthCommand[]): Generator<Diagnostic> {
  for (const command of commands) {
    if (begins.has(command.keyword) || command.keyword === 'DO') return;
    const values = command.assignments.map(({ value }) => value?.text ?? '');
    const shell = [...values, ...command.words.map((word) => word.text)].some((text) => /(^|[^\\])\$\(/.test(text));
    if (free.has(command.keyword) && !shell) continue;
    yield diagnostic('earthfile/before-from', command.keywordSpan, { keyword: command.keyword });
    return;
  }
}
