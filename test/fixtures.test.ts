import { join } from 'node:path';
import { compile } from '../src/compile/compile.ts';
import { printPlan } from '../src/ir/print.ts';
import { compareGolden, describeFixtures, readTree } from './support/compile-fixtures.ts';
import { printDiagnostics } from './support/diagnostics-text.ts';
import { MemoryRepo } from './support/memory-repo.ts';

/** What comes of the check: `expected/plan.json`, and `diagnostics.txt` for what is wrong. */
describeFixtures('repo', async (story) => {
  const { plan, diagnostics } = await compile(new MemoryRepo(readTree(join(story, 'repo'))));
  const said = diagnostics.length === 0 ? null : printDiagnostics(diagnostics);
  compareGolden(join(story, 'expected', 'diagnostics.txt'), said);
  compareGolden(join(story, 'expected', 'plan.json'), plan === null ? null : printPlan(plan));
});
