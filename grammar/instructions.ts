import { Node, Project, type InterfaceDeclaration, type Type } from 'ts-morph';
import type { InstructionDoc } from './reference.ts';

/**
 * Reads the instructions of the tree's types from their JSDoc: the sentence, `@form` (alternatives separated by ` | `) and
 * `@example`. Throws an error that lists everything missing: documentation, a tag, or the grammar's rule of a kind.
 */
export function readInstructions(astPath: string, rules: ReadonlySet<string>): readonly InstructionDoc[] {
  const project = new Project({ skipAddingFilesFromTsConfig: true, compilerOptions: { strict: true } });
  const source = project.addSourceFileAtPath(astPath);
  const union = source.getTypeAliasOrThrow('InstructionAst').getType();
  const missing: string[] = [];
  const docs = members(union).map((declaration): InstructionDoc => {
    const name = declaration.getName();
    const kind = kindOf(declaration);
    const rule = kind.charAt(0).toUpperCase() + kind.slice(1);
    if (name !== `${rule}Ast`) missing.push(`${name}: its kind is '${kind}', so it is named ${rule}Ast`);
    if (!rules.has(rule)) missing.push(`${name}: grammar/layerfile.peggy has no rule ${rule}`);
    const doc = declaration.getJsDocs().at(-1);
    const summary = doc?.getDescription().trim().replace(/\s+/g, ' ') ?? '';
    if (summary === '') missing.push(`${name}: a sentence in its JSDoc says what the instruction does`);
    const tag = (wanted: string): string => {
      const found = doc?.getTags().find((one) => one.getTagName() === wanted);
      const text = found?.getCommentText()?.trim() ?? '';
      if (text === '') missing.push(`${name}: its JSDoc has no @${wanted}`);
      return text;
    };
    return { kind, summary, forms: tag('form').split(' | '), example: tag('example') };
  });
  if (missing.length > 0) {
    throw new Error(`src/syntax/ast.ts and the grammar do not agree:\n${missing.map((one) => `  ${one}`).join('\n')}`);
  }
  return docs;
}

function members(union: Type): readonly InterfaceDeclaration[] {
  const types = union.isUnion() ? union.getUnionTypes() : [union];
  return types.map((type) => {
    const declaration = type.getSymbolOrThrow().getDeclarations().find(Node.isInterfaceDeclaration);
    if (declaration === undefined) throw new Error(`${type.getText()} in InstructionAst is no interface`);
    return declaration;
  });
}

function kindOf(declaration: InterfaceDeclaration): string {
  const kind = declaration.getPropertyOrThrow('kind').getType().getLiteralValue();
  if (typeof kind !== 'string') throw new Error(`the kind of ${declaration.getName()} is no string literal`);
  return kind;
}
