import type { Code } from '../diagnostics/catalog.ts';
import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import { spanText, type Span } from '../diagnostics/source.ts';
import type { LayerfileAst, LineAst } from './ast.ts';

/** What the lines of a here-document would be reported as, each of them. */
const covered: ReadonlySet<Code> = new Set<Code>([
  'syntax/unknown-instruction',
  'syntax/foreign-instruction',
  'syntax/incomplete-keyword',
  'syntax/strange-blank',
]);

const operator = /(?<!<)<<-?[ \t]*(?:'([A-Za-z_]\w*)'|"([A-Za-z_]\w*)"|\\?([A-Za-z_]\w*))/;

/**
 * A RUN with a here-document (`<<EOF`) whose lines follow, up to a line `EOF`: one report on the `<<EOF` takes the place of
 * those that its lines would get. Without such a line nothing changes. `diagnostics` are in order, and so is what is given.
 */
export function withHereDocuments(ast: LayerfileAst, diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const documents = hereDocuments(ast);
  if (documents.length === 0) return diagnostics;
  let next = 0;
  const kept = diagnostics.filter(({ code, span }) => {
    if (span === null || !covered.has(code)) return true;
    while ((documents[next]?.end ?? Infinity) <= span.start) next++;
    return (documents[next]?.at.end ?? Infinity) > span.start;
  });
  const found = documents.map(({ at, delimiter }) => diagnostic('syntax/here-document', at, { delimiter }));
  return [...kept, ...found].sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
}

interface HereDocument {
  readonly at: Span;
  readonly delimiter: string;
  /** Where the line of the delimiter ends. */
  readonly end: number;
}

function hereDocuments(ast: LayerfileAst): readonly HereDocument[] {
  const found: HereDocument[] = [];
  let open: { readonly at: Span; readonly delimiter: string } | null = null;
  for (const line of ast.lines) {
    if (open !== null && line.kind === 'invalid' && spanText(line.span) === open.delimiter) {
      found.push({ ...open, end: line.span.end });
      open = null;
    }
    open = opening(line) ?? open;
  }
  return found;
}

function opening(line: LineAst): { readonly at: Span; readonly delimiter: string } | null {
  if (line.kind !== 'run' && line.kind !== 'runBackground' && line.kind !== 'runRepeatable') return null;
  if (line.command === null) return null;
  const { span } = line.command;
  const match = operator.exec(spanText(span));
  const delimiter = match?.[1] ?? match?.[2] ?? match?.[3];
  if (match === null || delimiter === undefined) return null;
  const start = span.start + match.index;
  return { at: { file: span.file, start, end: start + match[0].length }, delimiter };
}
