import { catalog, type Code, type ParamsOf } from './catalog.ts';
import type { Span } from './source.ts';

export type Severity = 'error' | 'warning' | 'info';

/** Something more to know: "the other definition is here" (with a span), or what to do (without one). */
export interface Note {
  readonly message: string;
  readonly span: Span | null;
}

/** One thing found wrong or worth knowing in what a person wrote. Collected, never thrown. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  readonly message: string;
  readonly span: Span | null;
  readonly notes: readonly Note[];
}

/**
 * A diagnostic of the catalog's code at a span (null where no file is to blame).
 * A code or a parameter that the catalog does not know is a compile error.
 */
export function diagnostic<C extends Code>(
  code: C,
  span: Span | null,
  params: ParamsOf<C>,
  notes: readonly Note[] = [],
): Diagnostic {
  const entry = catalog[code] as { severity: Severity; message: (params: ParamsOf<C>) => string };
  return { code, severity: entry.severity, message: entry.message(params), span, notes };
}

/** Whether any of them stops what is being done. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((one) => one.severity === 'error');
}
