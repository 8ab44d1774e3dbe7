import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { compareGolden, describeFixtures, readTree } from '../../support/compile-fixtures.ts';
import { printDiagnostics } from '../../support/diagnostics-text.ts';
import { scriptsOf, shellcheck } from '../../support/workflow/lint.ts';
import { emitted, faults } from './emitted.ts';

/** What shellcheck says of commands that show what a lint is about; of all other scripts it has nothing to say. */
const wrongOnPurpose: Readonly<Record<string, readonly string[]>> = {
  'lint-shell-state': ['SC2034', 'SC2155', 'SC2164', 'SC2164', 'SC2164'],
};

/** What each repository becomes: `expected/github/layer.yml`, and `diagnostics.txt` beside it for what differs or is refused. */
describeFixtures('expected/plan.json', async (story) => {
  const entries = readTree(join(story, 'repo'));
  const { found, text } = await emitted(entries);
  const golden = join(story, 'expected', 'github');
  compareGolden(join(golden, 'layer.yml'), text === '' ? null : text);
  compareGolden(join(golden, 'diagnostics.txt'), found.length === 0 ? null : printDiagnostics(found));
  if (text === '') return;
  expect(await faults(text)).toEqual([]);
  const codes = shellcheck(scriptsOf(text)).map((finding) => / (SC\d+) /.exec(finding)?.[1]);
  expect(codes.sort()).toEqual(wrongOnPurpose[basename(story)] ?? []);
  expect((await emitted(entries)).text).toBe(text);
});
