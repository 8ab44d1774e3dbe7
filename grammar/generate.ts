import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import peggy from 'peggy';

const root = new URL('../', import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, root));

const grammar = readFileSync(path('grammar/layerfile.peggy'), 'utf8');

type Node = { type: string; [key: string]: unknown };

/** Puts `Joint*` between the characters of every literal that has several, so that continuations vanish inside keywords. */
function spellOut(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(spellOut);
  if (node === null || typeof node !== 'object') return node;
  const one = node as Node;
  if (one.type !== 'literal') {
    for (const [key, value] of Object.entries(one)) if (key !== 'location') one[key] = spellOut(value);
    return one;
  }
  const value = one['value'] as string;
  if (value.length < 2) return one;
  const { location } = one;
  const elements: Node[] = [];
  for (const character of value) {
    if (elements.length > 0) {
      elements.push({ type: 'zero_or_more', location, expression: { type: 'rule_ref', name: 'Joint', location } });
    }
    elements.push({ ...one, value: character });
  }
  return { type: 'sequence', elements, location };
}

const source = peggy.generate(grammar, {
  output: 'source',
  format: 'es',
  grammarSource: 'layerfile.peggy',
  plugins: [
    {
      use(config) {
        config.passes.check.unshift((ast) => {
          spellOut(ast.rules);
        });
      },
    },
  ],
});
writeFileSync(path('src/syntax/generated-parser.js'), source);
writeFileSync(
  path('src/syntax/generated-parser.d.ts'),
  `import type { LineAst } from './ast.ts';
import type { TreeBuilder } from './tree-builder.ts';

export function parse(text: string, options: { readonly tree: TreeBuilder }): LineAst[];
`,
);
void createHash;
void existsSync;
