import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import { nearest } from '../../diagnostics/near.ts';
import { argumentsOf } from '../arguments.ts';
import type { EarthfileAst, EarthRecipe } from '../ast.ts';
import type { EarthfileChecked } from '../check.ts';
import { hasFeature } from '../features.ts';
import { referencesOf } from '../references.ts';
import { commandsOf } from '../walk.ts';
import { eachCommand } from './each.ts';

/** `+name` is in this file, and `alias+name` is imported. What other files hold is not looked at. */
export function* checkReferences({ ast, features }: EarthfileChecked): Generator<Diagnostic> {
  const targets = ast.recipes.filter((recipe) => recipe.kind === 'target').map((recipe) => recipe.name);
  const functions = ast.recipes.filter((recipe) => recipe.kind === 'function').map((recipe) => recipe.name);
  const everywhere = new Set(importsOf(ast, null));
  for (const { command, recipe } of eachCommand(ast)) {
    const imported = recipe === null ? everywhere : new Set([...everywhere, ...importsOf(ast, recipe)]);
    for (const reference of referencesOf(command)) {
      if (reference.source === '') {
        const known = reference.kind === 'function' ? functions : [...targets, 'base'];
        if (known.includes(reference.name)) continue;
        const near = nearest(reference.name, known);
        yield diagnostic('earthfile/unknown-reference', reference.span, {
          name: `+${reference.name}`,
          kind: reference.kind,
          near: near === null ? null : `+${near}`,
        });
      } else if (/^[A-Za-z0-9_-]+$/.test(reference.source) && !imported.has(reference.source)) {
        const near = nearest(reference.source, [...imported]);
        yield diagnostic('earthfile/not-imported', reference.span, { alias: reference.source, near });
      } else if (/[*?[]/.test(reference.source)) {
        const feature = command.keyword === 'COPY' ? 'wildcard-copy' : 'wildcard-builds';
        if (!hasFeature(features, feature))
          yield diagnostic('earthfile/needs-feature', reference.span, { what: 'a wildcard', feature: `--${feature}` });
      }
    }
  }
}

/** The aliases that a recipe (null: the base recipe) imports. */
function importsOf(ast: EarthfileAst, recipe: EarthRecipe | null): readonly string[] {
  return [...commandsOf(recipe === null ? ast.base : recipe.body)].flatMap(({ command }) => {
    if (command.keyword !== 'IMPORT') return [];
    const { words } = argumentsOf(command);
    const as = words.findIndex((word) => word.text === 'AS');
    const alias =
      as >= 0
        ? words[as + 1]?.text
        : words[0]?.text
            .replace(/:[^/]*$/, '')
            .split('/')
            .at(-1);
    return alias === undefined ? [] : [alias];
  });
}
