import type { Variables as VariablesPort } from '../ports.ts';
import { predefinedValues } from './variables.ts';
import type { Variables, VariableSources } from './variables.ts';

/** The predefined variables of a run as the runner asks for them: the same in the whole run, but for what names the runner. */
export function runVariables(sources: Omit<VariableSources, 'runnerId'>): VariablesPort {
  const known = new Map<string, Variables>();
  const all: VariablesPort['all'] = ({ id }) => {
    const values = known.get(id) ?? predefinedValues({ ...sources, runnerId: id });
    known.set(id, values);
    return values;
  };
  return { all, value: (name, runner) => all(runner)[name] ?? null };
}
