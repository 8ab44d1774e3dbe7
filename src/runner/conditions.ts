import type { Condition } from '../ir/ir.ts';

/** Whether all conditions of a SKIP REMAINING IF hold; an unset name is the empty text. */
export function allHold(conditions: readonly Condition[], value: (name: string) => string | null): boolean {
  return conditions.every((condition) => holds(condition, value(condition.name) ?? ''));
}

function holds({ operator, value }: Condition, actual: string): boolean {
  switch (operator) {
    case '=':
      return actual === value;
    case '!=':
      return actual !== value;
    case '=~':
      return new RegExp(value).test(actual);
    case '!=~':
      return !new RegExp(value).test(actual);
  }
}
