import fc from 'fast-check';
import { keywords } from '../../src/syntax/keywords.ts';

const lineEnds = ['\n', '\r\n', '\r'];
const blanks = [' ', '  ', '\t'];
const openers = ['"', "'", '`', '$(', '${', ')', '}', '(', '$', "$'", '\\', '\\\\', '#', '=', '!=', '=~', '!=~', '=='];
const words = [
  'a',
  'NAME',
  'localhost:3000',
  './dir',
  '/root/x',
  '$HOME',
  '${X}',
  'ä𝄞',
  '.',
  'AND',
  'THEN',
  'UNORDERED',
  'run',
];
const joints = ['\\\n', '\\ \t\r\n', '\\\r', '\\\n# dropped\n', '\\\n  # dropped \\\r\n'];
const strange = ['\u0000', '\uFEFF', '\u00A0', '\u2028', '\v', '\uD800', '\uDC00', '\u202E', '\u001B'];

/** A text that looks like a Layerfile from near by: pieces of the language in any order. */
export const fragments: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...Object.values(keywords)) },
      { weight: 4, arbitrary: fc.constantFrom(...blanks) },
      { weight: 3, arbitrary: fc.constantFrom(...lineEnds) },
      { weight: 3, arbitrary: fc.constantFrom(...words) },
      { weight: 3, arbitrary: fc.constantFrom(...openers) },
      { weight: 2, arbitrary: fc.constantFrom(...joints) },
      { weight: 1, arbitrary: fc.constantFrom(...strange) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(''));

/** Lines that begin with a keyword, so that arguments are read deeply. */
export const instructions: fc.Arbitrary<string> = fc
  .array(
    fc.tuple(
      fc.constantFrom(...Object.values(keywords), 'SKIP REMAINING IF', 'ENV', 'COPY', 'run', 'THEN RUN'),
      fc.array(fc.constantFrom(...blanks, ...words, ...openers, ...joints), { maxLength: 25 }),
      fc.constantFrom(...lineEnds),
    ),
    { maxLength: 8 },
  )
  .map((lines) => lines.map(([keyword, rest, end]) => `${keyword} ${rest.join('')}${end}`).join(''));

/** Any string at all, lone surrogates and control characters included. */
export const anything: fc.Arbitrary<string> = fc.string({ unit: 'binary', maxLength: 200 }).map((text) =>
  // The upper half of a pair is an arbitrary text's likeliest way to be ill-formed.
  text.length % 3 === 0 ? `${text}\uD834` : text,
);

export const texts: fc.Arbitrary<string> = fc.oneof(fragments, instructions, anything);
