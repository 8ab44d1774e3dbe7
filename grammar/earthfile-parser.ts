import peggy from 'peggy';

/** The parser of Earthfiles, as an ES module. Throws Peggy's error, with its place, where the grammar is wrong. */
export function generateEarthfileParser(grammar: string): string {
  return peggy.generate(grammar, { output: 'source', format: 'es', grammarSource: 'grammar/earthfile.peggy' });
}

/** The type of the generated module. */
export const earthfileParserTypes = `import type { RawEarthfile } from './raw.ts';

/** The lines of an Earthfile, flat, and what is wrong with their text. */
export function parse(text: string): RawEarthfile;
`;
