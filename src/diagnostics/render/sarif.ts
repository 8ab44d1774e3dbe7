import { catalog, type Code } from '../catalog.ts';
import type { CatalogEntry } from '../catalog/entry.ts';
import type { Diagnostic, Severity } from '../diagnostic.ts';
import { positionAt, type Span } from '../source.ts';

const levels: { readonly [S in Severity]: string } = { error: 'error', warning: 'warning', info: 'note' };

/**
 * Diagnostics as a SARIF 2.1.0 log, which code scanning services read; artifact locations are relative to the repository.
 * Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function renderSarif(diagnostics: readonly Diagnostic[], version: string): string {
  const codes = [...new Set(diagnostics.map((one) => one.code))].sort();
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'layer', semanticVersion: version, rules: codes.map(ruleOf) } },
        columnKind: 'utf16CodeUnits',
        results: diagnostics.map((one) => resultOf(one, codes.indexOf(one.code))),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function ruleOf(code: Code) {
  const { explain, severity } = catalog[code] as CatalogEntry<never>;
  const short = (explain.replaceAll('\n', ' ').match(/^.*?[.!?](?= |$)/)?.[0] ?? explain).trim();
  return {
    id: code,
    shortDescription: { text: short },
    fullDescription: { text: explain },
    help: { text: `${explain}\n\nlayer explain ${code}` },
    defaultConfiguration: { level: levels[severity] },
  };
}

function resultOf(diagnostic: Diagnostic, ruleIndex: number) {
  const help = diagnostic.notes.flatMap((note) => (note.span ? [] : [note.message]));
  const related = diagnostic.notes.flatMap((note) =>
    note.span ? [{ message: { text: note.message }, ...locationOf(note.span) }] : [],
  );
  return {
    ruleId: diagnostic.code,
    ruleIndex,
    level: levels[diagnostic.severity],
    message: { text: [diagnostic.message, ...help].join('\n') },
    locations: diagnostic.span ? [locationOf(diagnostic.span)] : [],
    ...(related.length > 0 ? { relatedLocations: related.map((one, index) => ({ id: index + 1, ...one })) } : {}),
  };
}

function locationOf(span: Span) {
  const start = positionAt(span.file, span.start);
  const end = positionAt(span.file, span.end);
  const uri = span.file.path.toWellFormed().split('/').map(encodeURIComponent).join('/');
  return {
    physicalLocation: {
      artifactLocation: { uri, uriBaseId: '%SRCROOT%' },
      region: { startLine: start.line, startColumn: start.column, endLine: end.line, endColumn: end.column },
    },
  };
}
