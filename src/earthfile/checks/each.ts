import type { EarthfileAst, EarthRecipe } from '../ast.ts';
import { commandsOf, type Placed } from '../walk.ts';

/** Every command of a file with the recipe it stands in (null: the base recipe). */
export function* eachCommand(ast: EarthfileAst): Generator<Placed & { readonly recipe: EarthRecipe | null }> {
  for (const placed of commandsOf(ast.base)) yield { ...placed, recipe: null };
  for (const recipe of ast.recipes) for (const placed of commandsOf(recipe.body)) yield { ...placed, recipe };
}
