import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readInstructions } from '../../grammar/instructions.ts';
import { ruleNames } from '../../grammar/parser.ts';
import { detailsIn, hoverModule, keywordOf, referenceTable, withTable } from '../../grammar/reference.ts';
import { hovers } from '../../src/syntax/generated-hover.ts';
import { keywords } from '../../src/syntax/keywords.ts';

const root = new URL('../../', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, root), 'utf8');

const documented = `
/**
 * Runs a command.
 * @form RUN command | RUN more
 * @example RUN npm test
 */
export interface RunAst { readonly kind: 'run' }
`;

function read(source: string, rules = ['Run']) {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'layer-syntax-'));
  const path = join(directory.path, 'ast.ts');
  writeFileSync(path, source);
  return readInstructions(path, new Set(rules));
}

describe('the instructions', () => {
  test('of the tree have their rules and their documentation, and the hover texts are theirs', () => {
    const docs = readInstructions(
      fileURLToPath(new URL('src/syntax/ast.ts', root)),
      ruleNames(text('grammar/layerfile.peggy')),
    );
    expect(docs.map(({ kind }) => kind)).toEqual(Object.keys(keywords));
    const details = detailsIn(text('docs/layerfile.md'));
    const expected = docs.map((doc) => {
      const { kind, ...hover } = doc;
      return [kind, { ...hover, details: details.get(keywordOf(doc)) }];
    });
    expect(Object.fromEntries(expected)).toEqual(hovers);
    expect(docs.map(keywordOf)).toEqual(Object.values(keywords));
    expect([...details.keys()].sort()).toEqual(Object.values(keywords).sort());
  }, 60_000);

  test('are read from the JSDoc of their types', () => {
    expect(read(`${documented} export type InstructionAst = RunAst;`)).toEqual([
      { kind: 'run', summary: 'Runs a command.', forms: ['RUN command', 'RUN more'], example: 'RUN npm test' },
    ]);
  }, 60_000);

  test('fail the build where the page about the language has no section of one', () => {
    const docs = [{ kind: 'run', summary: 'Runs.', forms: ['RUN command'], example: 'RUN make' }];
    expect(hoverModule(docs, '# Page\n\n### RUN\n\nIn bash.\n\n## End\n')).toContain('"details":"In bash."');
    expect(() => hoverModule(docs, '# Page\n\n### COPY\n')).toThrow('docs/layerfile.md has no section RUN');
  });

  test('fail the build where a rule or documentation is missing, and all that is missing is said', () => {
    const source = `${documented}
      export interface CopyAst { readonly kind: 'copy' }
      /** Keeps paths. */
      export interface CachedAst { readonly kind: 'cache' }
      export type InstructionAst = RunAst | CopyAst | CachedAst;`;
    expect(() => read(source, ['Copy', 'Cache'])).toThrow(
      [
        'src/syntax/ast.ts and the grammar do not agree:',
        '  RunAst: grammar/layerfile.peggy has no rule Run',
        '  CopyAst: a sentence in its JSDoc says what the instruction does',
        '  CopyAst: its JSDoc has no @form',
        '  CopyAst: its JSDoc has no @example',
        "  CachedAst: its kind is 'cache', so it is named CacheAst",
        '  CachedAst: its JSDoc has no @form',
        '  CachedAst: its JSDoc has no @example',
      ].join('\n'),
    );
  }, 60_000);
});

describe('the table', () => {
  const table = referenceTable([
    { kind: 'memory', summary: 'How much.', forms: ['MEMORY n[K|M]', 'MEMORY n'], example: 'MEMORY 2G' },
  ]);

  test('has a row an instruction, and no stray columns', () => {
    expect(table.split('\n').at(-1)).toBe('| `MEMORY n[K\\|M]`<br>`MEMORY n` | How much. | `MEMORY 2G` |');
  });

  test('goes between the markers of a page, again and again the same', () => {
    const page = 'before\n<!-- instructions:begin -->\nold\n<!-- instructions:end -->\nafter\n';
    const once = withTable(page, table);
    expect(once).toContain(table);
    expect(once).not.toContain('old');
    expect(once.startsWith('before\n')).toBe(true);
    expect(once.endsWith('<!-- instructions:end -->\nafter\n')).toBe(true);
    expect(withTable(once, table)).toBe(once);
  });

  test('leaves a page without markers alone', () => {
    expect(withTable('a page\n', table)).toBe('a page\n');
  });

  test('of the README is up to date', () => {
    const docs = Object.entries(hovers).map(([kind, hover]) => ({ kind, ...hover }));
    const readme = text('README.md');
    expect(withTable(readme, referenceTable(docs))).toBe(readme);
  });
});
