export const fileCatalog = {};
