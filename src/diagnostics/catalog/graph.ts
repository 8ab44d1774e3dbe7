export const graphCatalog = {};
