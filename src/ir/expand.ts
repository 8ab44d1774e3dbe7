import { escapeGlob } from './glob.ts';
import type { Argument, Source } from './ir.ts';

/** The value of a variable in the environment in force; null where it is not set. */
export type LookUp = (name: string) => string | null;

/** An argument's text in an environment; what is not set expands to nothing. */
export function expandArgument(argument: Argument, lookUp: LookUp): string {
  return argument.parts.map((part) => (typeof part === 'string' ? part : (lookUp(part.variable) ?? ''))).join('');
}

/**
 * A source's text in an environment. Where the source is a glob, the result is a pattern for `parseGlob`: what the Layerfile quotes is
 * escaped in it already, and what a variable holds is escaped here.
 */
export function expandSource(source: Source, lookUp: LookUp): string {
  if (!source.glob) return expandArgument(source.path, lookUp);
  return expandArgument(source.path, (name) => escapeGlob(lookUp(name) ?? ''));
}

/** An argument's text where it is static; null where a variable is left in it. */
export function staticText(argument: Argument): string | null {
  const [first, ...rest] = argument.parts;
  if (first === undefined) return '';
  return rest.length === 0 && typeof first === 'string' ? first : null;
}

/** How an argument reads: variables as `$NAME`. */
export function argumentText(argument: Argument): string {
  return argument.parts.map((part) => (typeof part === 'string' ? part : `\${${part.variable}}`)).join('');
}
