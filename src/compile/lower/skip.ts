import { diagnostic } from '../../diagnostics/diagnostic.ts';
import { nearest } from '../../diagnostics/near.ts';
import type { Condition, SkipIf } from '../../ir/ir.ts';
import { isVariableName, predefinedVariable } from '../../ir/variables.ts';
import type { ConditionAst, SkipRemainingIfAst } from '../../syntax/ast.ts';
import { checkRegex } from '../regex.ts';
import { comparableNames, isKnownVariable } from './env.ts';
import { type Lowering, reportMissing, titleOf } from './lowering.ts';

/** Conditions with a part missing were reported when the line was read; a line without any is reported here. */
export function lowerSkip(lowering: Lowering, ast: SkipRemainingIfAst): SkipIf | null {
  if (!ast.leaves.some(({ kind }) => kind === 'word' || kind === 'operator' || kind === 'text')) {
    return reportMissing(lowering, ast);
  }
  const conditions = ast.conditions.flatMap((one): readonly Condition[] => {
    checkName(lowering, one);
    if (one.operator === null || one.value === null) return [];
    const operator = one.operator.value;
    if (operator === '=~' || operator === '!=~') checkRegex(one.value, lowering.report);
    return [{ name: one.name.value, operator, value: one.value.value, span: one.span }];
  });
  if (conditions.length === 0) return null;
  return { kind: 'skipIf', conditions, title: titleOf(ast), span: ast.span };
}

function checkName(lowering: Lowering, { name: word }: ConditionAst): void {
  const name = word.value;
  // What is no name at all was reported when the line was read.
  if (!isVariableName(name)) return;
  if (name === 'EXPOSE_WEBSITE_HOST') lowering.report(diagnostic('language/skip-host', word.span, {}));
  else if (lowering.scope.secrets.has(name) || predefinedVariable(name)?.set === 'secret') {
    lowering.report(diagnostic('language/skip-secret', word.span, { name }));
  } else if (!isKnownVariable(lowering, name)) {
    const candidates = comparableNames(lowering).filter((one) => !lowering.scope.secrets.has(one));
    const near = nearest(name, candidates);
    if (lowering.complete || near !== null)
      lowering.report(diagnostic('language/skip-unknown', word.span, { name, near }));
  }
}
