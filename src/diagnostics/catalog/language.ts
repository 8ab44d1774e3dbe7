export const languageCatalog = {};
