export const cacheCatalog = {};
