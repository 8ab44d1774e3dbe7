import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../fixtures/compile/', import.meta.url));

/** UPDATE_GOLDENS=1 writes what a story expects anew. */
export const updateGoldens = process.env['UPDATE_GOLDENS'] === '1';

/** A folder is a whole story: `repo/` is what is compiled, `expected/` what comes of it. Tells each that has this path. */
export function describeFixtures(path: string, tell: (story: string) => Promise<void>): void {
  describe('fixtures/compile', () => {
    for (const name of readdirSync(root).sort()) {
      if (existsSync(join(root, name, path))) it(name, () => tell(join(root, name)));
    }
  });
}

/** Compares with a golden; a text that is null has no file. */
export function compareGolden(path: string, actual: string | null): void {
  if (updateGoldens && actual === null) rmSync(path, { force: true });
  else if (updateGoldens && actual !== null) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, actual);
  }
  expect(actual).toBe(existsSync(path) ? readFileSync(path, 'utf8') : null);
}

/** The files below a directory, by path. */
export function readTree(directory: string): Record<string, Uint8Array> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(directory.length + 1), readFileSync(path)];
    }),
  );
}
