import type { Run } from '../../ir/ir.ts';
import type { RunAst, RunBackgroundAst, RunRepeatableAst } from '../../syntax/ast.ts';
import { type Lowering, reportMissing, titleOf } from './lowering.ts';

/** RUN, RUN BACKGROUND and RUN REPEATABLE: the command goes to bash as it is. */
export function lowerRun(lowering: Lowering, ast: RunAst | RunBackgroundAst | RunRepeatableAst): Run | null {
  if (ast.command === null) return reportMissing(lowering, ast);
  return { kind: 'run', mode: modes[ast.kind], command: ast.command.value, title: titleOf(ast), span: ast.span };
}

const modes = { run: 'plain', runBackground: 'background', runRepeatable: 'repeatable' } as const;
