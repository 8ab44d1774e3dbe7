import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { CheckedLayerfile, Rule } from './rule.ts';

/** All rules that look beyond a single instruction, in no particular order: diagnostics are sorted afterwards. */
const rules: readonly Rule[] = [];

/** Applies every rule to a Layerfile. */
export function checkLayerfile(checked: CheckedLayerfile, report: (found: Diagnostic) => void): void {
  for (const rule of rules) rule(checked, report);
}
