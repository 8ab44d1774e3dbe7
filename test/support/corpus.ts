import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));
const ending = '__Layerfile';

/**
 * Tells a story of each real Layerfile, with what a table expects of it; every file must be in the table. They are data beside the project, and passed
 * over where they are not there.
 */
export function describeCorpus<E>(
  expected: Readonly<Record<string, E>>,
  story: (text: string, expected: E) => Promise<void> | void,
): void {
  describe('real Layerfiles', () => {
    if (!existsSync(corpus)) {
      it('are not here (../shared/corpus)', () => console.info('no real Layerfiles to read'));
      return;
    }

    it('are all in the table', () => {
      const files = readdirSync(corpus).filter((name) => name.endsWith(ending));
      expect(files.map((name) => name.slice(0, -ending.length)).sort()).toEqual(Object.keys(expected).sort());
    });

    for (const [name, one] of Object.entries(expected)) {
      it(name, () => story(readFileSync(`${corpus}${name}${ending}`, 'utf8'), one));
    }
  });
}
