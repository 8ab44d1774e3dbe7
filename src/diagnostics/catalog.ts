import { cacheCatalog } from './catalog/cache.ts';
import { configCatalog } from './catalog/config.ts';
import { earthfileCatalog } from './catalog/earthfile.ts';
import { earthlyCatalog } from './catalog/earthly.ts';
import { fileCatalog } from './catalog/file.ts';
import { githubCatalog } from './catalog/github.ts';
import { graphCatalog } from './catalog/graph.ts';
import { languageCatalog } from './catalog/language.ts';
import { lintCatalog } from './catalog/lint.ts';
import { syntaxCatalog } from './catalog/syntax.ts';
import { targetCatalog } from './catalog/target.ts';

/**
 * Every diagnostic there is, by code (`area/what`). An area's entries stand together in `catalog/<noun>.ts`.
 * `message` says what is wrong and what to do in a sentence; `explain` is what `layer explain <code>` prints.
 */
export const catalog = {
  ...fileCatalog,
  ...configCatalog,
  ...syntaxCatalog,
  ...graphCatalog,
  ...languageCatalog,
  ...lintCatalog,
  ...cacheCatalog,
  ...targetCatalog,
  ...earthfileCatalog,
  ...earthlyCatalog,
  ...githubCatalog,
};

export type Code = keyof typeof catalog;

/** What a code's message is made from. */
export type ParamsOf<C extends Code> = Parameters<(typeof catalog)[C]['message']>[0];
