import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compile } from '../src/compile/compile.ts';
import { printPlan } from '../src/ir/print.ts';
import { printDiagnostics } from './support/diagnostics-text.ts';
import { MemoryRepo } from './support/memory-repo.ts';

const root = fileURLToPath(new URL('../fixtures/compile/', import.meta.url));
const update = process.env['UPDATE_GOLDENS'] === '1';

/** A folder is a whole story: `repo/` is what is compiled, `expected/` what comes of it. UPDATE_GOLDENS=1 writes it anew. */
describe('fixtures/compile', () => {
  for (const name of readdirSync(root).sort()) {
    if (existsSync(join(root, name, 'repo'))) it(name, () => tell(join(root, name)));
  }
});

async function tell(story: string): Promise<void> {
  const { plan, diagnostics } = await compile(new MemoryRepo(readTree(join(story, 'repo'))));
  compare(join(story, 'expected', 'diagnostics.txt'), diagnostics.length === 0 ? null : printDiagnostics(diagnostics));
  compare(join(story, 'expected', 'plan.json'), plan === null ? null : printPlan(plan));
}

/** A text that is null has no file. */
function compare(path: string, actual: string | null): void {
  if (update) {
    if (actual === null) rmSync(path, { force: true });
    else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, actual);
    }
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
