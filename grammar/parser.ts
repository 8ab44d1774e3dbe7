import peggy from 'peggy';

/** A node of Peggy's own tree. */
interface GrammarNode {
  type: string;
  [key: string]: unknown;
}

/** The parser that a grammar describes, as an ES module. Throws Peggy's error, with its place, where the grammar is wrong. */
export function generateParser(grammar: string): string {
  return peggy.generate(grammar, {
    output: 'source',
    format: 'es',
    grammarSource: 'grammar/layerfile.peggy',
    plugins: [{ use: (config) => config.passes.check.unshift((tree) => spellOut(tree.rules)) }],
  });
}

/** The type of the generated module. */
export const parserTypes = `import type { LineAst } from './ast.ts';
import type { TreeBuilder } from './tree-builder.ts';

/** The lines of a Layerfile; what is wrong with it is left in the builder. */
export function parse(text: string, options: { readonly tree: TreeBuilder }): readonly LineAst[];
`;

/** The names of a grammar's rules. */
export function ruleNames(grammar: string): ReadonlySet<string> {
  return new Set(peggy.generate(grammar, { output: 'ast' }).rules.map((rule) => rule.name));
}

/**
 * Puts `Joint*` between the characters of every literal that has several: a continuation vanishes inside a keyword too,
 * and the grammar would be hard to read if it were spelt out there.
 */
function spellOut(node: unknown): void {
  if (node === null || typeof node !== 'object') return;
  for (const [key, child] of Object.entries(node)) {
    if (key === 'location') continue;
    if (isLongLiteral(child)) (node as Record<string, unknown>)[key] = spelt(child);
    else spellOut(child);
  }
}

function isLongLiteral(node: unknown): node is GrammarNode & { value: string } {
  const one = node as GrammarNode | null;
  return typeof one === 'object' && one?.type === 'literal' && (one['value'] as string).length > 1;
}

function spelt(literal: GrammarNode & { value: string }): GrammarNode {
  const { location } = literal;
  const joints = { type: 'zero_or_more', location, expression: { type: 'rule_ref', name: 'Joint', location } };
  const elements = [...literal.value].flatMap((character, index) => [
    ...(index === 0 ? [] : [joints]),
    { ...literal, value: character },
  ]);
  return { type: 'sequence', elements, location };
}
