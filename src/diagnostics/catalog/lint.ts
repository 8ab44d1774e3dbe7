export const lintCatalog = {};
