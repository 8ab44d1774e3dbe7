import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import type {
  EarthBlock,
  EarthClause,
  EarthCommand,
  EarthHeader,
  EarthKeyword,
  EarthLine,
  EarthRecipe,
  EarthStatement,
} from './ast.ts';

interface Nested {
  readonly version: EarthCommand | null;
  readonly base: readonly EarthStatement[];
  readonly recipes: readonly EarthRecipe[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Which clauses may follow in a block that a keyword opens. */
const continues: Partial<Record<EarthKeyword, readonly EarthKeyword[]>> = {
  IF: ['ELSE IF', 'ELSE'],
  FOR: [],
  WAIT: [],
  TRY: ['CATCH', 'FINALLY'],
  'WITH DOCKER': [],
};

const clauseKeywords = new Set<EarthKeyword>(['ELSE IF', 'ELSE', 'CATCH', 'FINALLY']);

/** Keywords that stand alone on their line. */
const bare = new Set<EarthKeyword>(['ELSE', 'TRY', 'CATCH', 'FINALLY', 'END']);

interface OpenClause {
  readonly command: EarthCommand;
  readonly body: EarthStatement[];
}

interface OpenBlock {
  readonly clauses: OpenClause[];
}

/** Nests lines into recipes and blocks. A missing END closes at the next header; a stray one is passed over. */
export function nest(lines: readonly EarthLine[]): Nested {
  const diagnostics: Diagnostic[] = [];
  const base: EarthStatement[] = [];
  const recipes: { kind: 'target' | 'function'; name: string; header: EarthHeader; body: EarthStatement[] }[] = [];
  const open: OpenBlock[] = [];
  let version: EarthCommand | null = null;
  let seenCommand = false;

  const body = (): EarthStatement[] => open.at(-1)?.clauses.at(-1)?.body ?? recipes.at(-1)?.body ?? base;
  const close = (end: EarthCommand | null) => {
    const block = open.pop() as OpenBlock;
    const first = block.clauses[0] as OpenClause;
    if (end === null)
      diagnostics.push(
        diagnostic('earthfile/missing-end', first.command.keywordSpan, { keyword: first.command.keyword }),
      );
    const closed: EarthBlock = { kind: 'block', clauses: block.clauses as readonly EarthClause[], end };
    body().push(closed);
  };

  const place = (command: EarthCommand) => {
    const recipe = recipes.at(-1);
    const atTop = open.length === 0; // Inside a block Earthly does not look at indentation at all.
    if (atTop && recipe !== undefined && command.indent === '') {
      diagnostics.push(
        diagnostic('earthfile/not-indented', command.keywordSpan, { keyword: command.keyword, recipe: recipe.name }),
      );
    } else if (atTop && recipe === undefined && command.indent !== '') {
      diagnostics.push(diagnostic('earthfile/unexpected-indent', command.keywordSpan, { keyword: command.keyword }));
    }
    const [extra] = command.words;
    if (bare.has(command.keyword) && extra !== undefined)
      diagnostics.push(diagnostic('earthfile/too-many-words', extra.span, { form: command.keyword }));
    if (command.keyword in continues) {
      open.push({ clauses: [{ command, body: [] }] });
    } else if (command.keyword === 'END') {
      if (open.length === 0) diagnostics.push(diagnostic('earthfile/stray-end', command.keywordSpan, {}));
      else close(command);
    } else if (clauseKeywords.has(command.keyword)) {
      const block = open.at(-1);
      const opener = block?.clauses[0]?.command.keyword;
      const last = block?.clauses.at(-1)?.command.keyword;
      if (
        block === undefined ||
        opener === undefined ||
        !continues[opener]?.includes(command.keyword) ||
        last === 'ELSE' ||
        last === 'FINALLY'
      ) {
        diagnostics.push(diagnostic('earthfile/stray-clause', command.keywordSpan, { keyword: command.keyword }));
      } else block.clauses.push({ command, body: [] });
    } else body().push({ kind: 'simple', command });
  };

  for (const line of lines) {
    switch (line.kind) {
      case 'header':
        while (open.length > 0) close(null);
        recipes.push({ kind: line.recipe, name: line.name, header: line, body: [] });
        if (line.recipe === 'target' && !/^[a-z][a-zA-Z0-9.-]*$/.test(line.name)) {
          diagnostics.push(diagnostic('earthfile/target-name', line.nameSpan, { name: line.name }));
        }
        seenCommand = true;
        break;
      case 'command':
        if (line.keyword === 'VERSION') {
          if (seenCommand) diagnostics.push(diagnostic('earthfile/version-not-first', line.keywordSpan, {}));
          else version = line;
        } else place(line);
        seenCommand = true;
        break;
      case 'blank':
      case 'comment':
      case 'invalid':
        break;
    }
  }
  while (open.length > 0) close(null);
  return { version, base, recipes, diagnostics };
}
