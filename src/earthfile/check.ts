import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { EarthfileAst } from './ast.ts';
import { checkArguments } from './checks/arguments.ts';
import { checkBlocks } from './checks/blocks.ts';
import { checkCycles } from './checks/cycles.ts';
import { checkFeatures } from './checks/features.ts';
import { checkIndentation } from './checks/indentation.ts';
import { checkNames } from './checks/names.ts';
import { checkOrder } from './checks/order.ts';
import { checkReferences } from './checks/references.ts';
import { checkVersion, enabledFeatures } from './checks/version.ts';
import type { EnabledFeatures } from './features.ts';

/** What every rule is given. */
export interface EarthfileChecked {
  readonly ast: EarthfileAst;
  readonly features: EnabledFeatures;
}

/** The rules, one a file: what a grammar cannot see. */
const rules: readonly ((checked: EarthfileChecked) => Iterable<Diagnostic>)[] = [
  checkVersion,
  checkNames,
  checkArguments,
  checkFeatures,
  checkBlocks,
  checkIndentation,
  checkOrder,
  checkReferences,
  checkCycles,
];

/** Everything wrong with an Earthfile beyond its form, in the order of the text. References into other files are not followed. */
export function checkEarthfile(ast: EarthfileAst): readonly Diagnostic[] {
  const checked: EarthfileChecked = { ast, features: enabledFeatures(ast) };
  const found = rules.flatMap((rule) => [...rule(checked)]);
  return found.sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
}
