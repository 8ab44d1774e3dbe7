import { entry } from './entry.ts';

/** What is wrong with the text of a line, before its meaning is looked at. */
export const syntaxCatalog = {
  'syntax/unknown-instruction': entry<{ word: string; near: string | null }>({
    severity: 'error',
    message: ({ word, near }) =>
      near === null ? `${word} is not an instruction` : `${word} is not an instruction; did you mean ${near}?`,
    explain: `The line does not begin with an instruction of the language. Instructions are upper case, and one stands on
each line; a line that goes on ends in a backslash. \`layer --help instructions\` lists them.`,
  }),
};
