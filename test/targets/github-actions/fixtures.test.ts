import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { printDiagnostics } from '../../support/diagnostics-text.ts';
import { scriptsOf, shellcheck } from '../../support/workflow/lint.ts';
import { emitted, faults } from './emitted.ts';

const root = fileURLToPath(new URL('../../../fixtures/compile/', import.meta.url));
const update = process.env['UPDATE_GOLDENS'] === '1';

/** What shellcheck says of commands that show what a lint is about; of all other scripts it has nothing to say. */
const wrongOnPurpose: Readonly<Record<string, readonly string[]>> = {
  'lint-shell-state': ['SC2034', 'SC2155', 'SC2164', 'SC2164', 'SC2164'],
};

/** What each repository of fixtures/compile becomes: `expected/github/layer.yml`, and `diagnostics.txt` beside it for what differs or is refused. */
describe('fixtures/compile', () => {
  for (const name of readdirSync(root).sort()) {
    if (existsSync(join(root, name, 'expected', 'plan.json'))) it(name, () => tell(join(root, name)));
  }
});

async function tell(story: string): Promise<void> {
  const entries = readTree(join(story, 'repo'));
  const { found, text } = await emitted(entries);
  const golden = join(story, 'expected', 'github');
  compare(join(golden, 'layer.yml'), text === '' ? null : text);
  compare(join(golden, 'diagnostics.txt'), found.length === 0 ? null : printDiagnostics(found));
  if (text === '') return;
  expect(await faults(text)).toEqual([]);
  const codes = shellcheck(scriptsOf(text)).map((finding) => / (SC\d+) /.exec(finding)?.[1]);
  expect(codes.sort()).toEqual(wrongOnPurpose[basename(story)] ?? []);
  expect((await emitted(entries)).text).toBe(text);
}

/** A text that is null has no file. */
function compare(path: string, actual: string | null): void {
  if (update && actual === null) rmSync(path, { force: true });
  else if (update && actual !== null) {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, actual);
  }
  expect(actual).toBe(existsSync(path) ? readFileSync(path, 'utf8') : null);
}

function readTree(directory: string): Record<string, Uint8Array> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(directory.length + 1), readFileSync(path)];
    }),
  );
}
