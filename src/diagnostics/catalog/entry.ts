/** One entry of the catalog: how bad it is, its sentence, and its explanation (plain text, a few lines, with an example of the cure). */
export interface CatalogEntry<P> {
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: (params: P) => string;
  readonly explain: string;
}

/** Checks an entry and keeps the type of its parameters. */
export function entry<P>(value: CatalogEntry<P>): CatalogEntry<P> {
  return value;
}
