export const targetCatalog = {};
