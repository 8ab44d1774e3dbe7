import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { EarthCommand, EarthStatement } from '../ast.ts';
import type { EarthfileChecked } from '../check.ts';
import { commandsOf } from '../walk.ts';

/** What a clause may hold, where that is restricted. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  'WITH DOCKER': ['RUN', 'IF', 'ELSE IF', 'ELSE', 'FOR', 'ARG', 'LET', 'SET'],
  TRY: ['RUN', 'WITH DOCKER'],
  FINALLY: ['SAVE ARTIFACT'],
};

const atMostOne = new Set(['WITH DOCKER', 'TRY']);

/** WITH DOCKER and TRY hold one RUN, FINALLY holds SAVE ARTIFACT; FUNCTION and COMMAND begin a function and nothing else; commands of the base recipe. */
export function* checkBlocks({ ast }: EarthfileChecked): Generator<Diagnostic> {
  yield* checkBody(ast.base);
  for (const recipe of ast.recipes) {
    yield* checkBody(recipe.body);
    const [first] = recipe.body;
    const command = first?.kind === 'simple' ? first.command : null;
    const declares = command !== null && isDeclaration(command);
    if (recipe.kind === 'function' && !declares)
      yield diagnostic('earthfile/not-a-function', recipe.header.nameSpan, { name: recipe.name });
    for (const { command: one } of commandsOf(recipe.body)) {
      if (isDeclaration(one) && !(recipe.kind === 'function' && one === command)) {
        yield diagnostic('earthfile/stray-function', one.keywordSpan, { keyword: one.keyword });
      }
      if (one.keyword === 'PROJECT') yield diagnostic('earthfile/base-only', one.keywordSpan, { keyword: one.keyword });
    }
  }
}

function isDeclaration(command: EarthCommand): boolean {
  return command.keyword === 'FUNCTION' || command.keyword === 'COMMAND';
}

function* checkBody(body: readonly EarthStatement[]): Generator<Diagnostic> {
  for (const statement of body) {
    if (statement.kind === 'simple') continue;
    for (const clause of statement.clauses) {
      const { keyword } = clause.command;
      const only = allowed[keyword];
      const commands = [...commandsOf(clause.body)].map((placed) => placed.command);
      for (const command of only === undefined ? [] : commands) {
        if (!only?.includes(command.keyword)) {
          yield diagnostic('earthfile/not-in-block', command.keywordSpan, {
            keyword: command.keyword,
            block: keyword,
            allowed: (only ?? []).slice(0, 1).join(),
          });
        }
      }
      if (atMostOne.has(keyword)) {
        const direct = clause.body.flatMap((one) => (one.kind === 'simple' ? [one.command] : []));
        for (const command of direct.filter((one) => one.keyword === 'RUN').slice(1)) {
          yield diagnostic('earthfile/one-run', command.keywordSpan, { block: keyword });
        }
      }
      yield* checkBody(clause.body);
    }
  }
}
