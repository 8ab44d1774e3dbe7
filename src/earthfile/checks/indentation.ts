import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { EarthCommand, EarthStatement } from '../ast.ts';
import type { EarthfileChecked } from '../check.ts';

/** Commands of one body are indented alike: what is not misleads readers, though Earthly takes it. */
export function* checkIndentation({ ast }: EarthfileChecked): Generator<Diagnostic> {
  yield* checkBody(ast.base);
  for (const recipe of ast.recipes) yield* checkBody(recipe.body);
}

function firstCommand(statement: EarthStatement): EarthCommand | null {
  return statement.kind === 'simple' ? statement.command : (statement.clauses[0]?.command ?? null);
}

function* checkBody(body: readonly EarthStatement[]): Generator<Diagnostic> {
  const [first] = body;
  const expected = first === undefined ? null : firstCommand(first);
  for (const statement of body) {
    const command = firstCommand(statement);
    if (command !== null && expected !== null && command.indent !== '') yield* compare(command, expected);
    if (statement.kind === 'block') {
      const opener = statement.clauses[0]?.command;
      for (const clause of statement.clauses) {
        if (opener !== undefined && clause.command !== opener) yield* compare(clause.command, opener);
        yield* checkBody(clause.body);
      }
      if (opener !== undefined && statement.end !== null) yield* compare(statement.end, opener);
    }
  }
}

function* compare(command: EarthCommand, model: EarthCommand): Generator<Diagnostic> {
  if (command.indent === model.indent) return;
  const start = command.keywordSpan.start - command.indent.length;
  const span = {
    ...command.keywordSpan,
    start,
    end: command.indent === '' ? command.keywordSpan.end : command.keywordSpan.start,
  };
  yield diagnostic('earthfile/uneven-indent', span, {
    keyword: command.keyword,
    blanks: command.indent.length,
    expected: model.indent.length,
  });
}
