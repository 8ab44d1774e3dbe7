/** What the reference, the hover texts and `layer explain` say of an instruction. */
export interface InstructionDoc {
  readonly kind: string;
  readonly summary: string;
  readonly forms: readonly string[];
  readonly example: string;
}

/** What docs/layerfile.md says of each instruction, in Markdown, by its keyword: what stands below a heading of the third level. */
export function detailsIn(page: string): ReadonlyMap<string, string> {
  const sections = page.split(/^(?=#{1,3} )/m).filter((one) => one.startsWith('### '));
  return new Map(
    sections.map((section) => {
      const end = section.indexOf('\n');
      return [section.slice(4, end).trim(), section.slice(end).trim()];
    }),
  );
}

/** `RUN BACKGROUND` of `RUN BACKGROUND command`. */
export function keywordOf({ forms }: InstructionDoc): string {
  return /^[A-Z]+(?: [A-Z]+)*\b/.exec(forms[0] ?? '')?.[0] ?? '';
}

/** The instructions as a table in Markdown. */
export function referenceTable(docs: readonly InstructionDoc[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const code = (text: string): string => `\`${cell(text)}\``;
  const rows = docs.map(
    ({ forms, summary, example }) => `| ${forms.map(code).join('<br>')} | ${cell(summary)} | ${code(example)} |`,
  );
  return ['| Form | What it does | Example |', '|---|---|---|', ...rows].join('\n');
}

/** The source of src/syntax/generated-hover.ts. Throws an error that lists the instructions of which the page says nothing. */
export function hoverModule(docs: readonly InstructionDoc[], page: string): string {
  const details = detailsIn(page);
  const missing = docs.map(keywordOf).filter((keyword) => !details.has(keyword));
  if (missing.length > 0) throw new Error(`docs/layerfile.md has no section ${missing.join(', ')}`);
  const entries = docs.map((doc) => {
    const { kind, ...hover } = doc;
    return `  ${kind}: ${JSON.stringify({ ...hover, details: details.get(keywordOf(doc)) })},`;
  });
  return `import type { InstructionKind } from './ast.ts';

/** What is said of an instruction: its forms, a sentence, all the rest in Markdown, an example. */
export interface Hover {
  readonly summary: string;
  readonly details: string;
  readonly forms: readonly string[];
  readonly example: string;
}

/** By kind, in the order of the reference. */
export const hovers: { readonly [K in InstructionKind]: Hover } = {
${entries.join('\n')}
};
`;
}

const begin = '<!-- instructions:begin -->';
const end = '<!-- instructions:end -->';

/** What stands between a page's markers; null where it has none. */
export function betweenMarkers(page: string): string | null {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  return from < 0 || to < from ? null : page.slice(from + begin.length, to);
}

/** A page with the table between its markers; unchanged where it has none. */
export function withTable(page: string, table: string): string {
  const old = betweenMarkers(page);
  if (old === null) return page;
  const from = page.indexOf(begin) + begin.length;
  const lines = ['', '', '<!-- prettier-ignore-start -->', '', table, '', '<!-- prettier-ignore-end -->', '', ''];
  return page.slice(0, from) + lines.join('\n') + page.slice(from + old.length);
}
