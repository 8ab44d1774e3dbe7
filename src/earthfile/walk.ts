import type { EarthBlock, EarthCommand, EarthStatement } from './ast.ts';

/** A command where it stands: the blocks around it, outermost first, and the clause of the innermost. */
export interface Placed {
  readonly command: EarthCommand;
  readonly blocks: readonly EarthBlock[];
  /** The keyword of the innermost clause; null outside any block. */
  readonly within: string | null;
}

/** All commands of a body in order, those that open clauses before what stands in them; END left out. */
export function* commandsOf(
  body: readonly EarthStatement[],
  blocks: readonly EarthBlock[] = [],
  within: string | null = null,
): Generator<Placed> {
  for (const statement of body) {
    if (statement.kind === 'simple') yield { command: statement.command, blocks, within };
    else {
      for (const clause of statement.clauses) {
        yield { command: clause.command, blocks, within };
        yield* commandsOf(clause.body, [...blocks, statement], clause.command.keyword);
      }
    }
  }
}
