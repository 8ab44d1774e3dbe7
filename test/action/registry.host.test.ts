import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { startRegistry } from '../runner/bases/support/registry-server.ts';
import { debianBase } from '../support/base-machine.ts';
import { runProgram, type JobSetting } from '../support/workflow-job.ts';
import { action, setting } from './setting.ts';

beforeAll(async () => void (await debianBase()));

/** A runner that never saw the repository. */
function fresh(job: JobSetting): JobSetting {
  rmSync(join(job.temp, 'store'), { recursive: true, force: true });
  return job;
}

test('what one runner stores in a registry, another skips; after an edit it runs only what it must', async () => {
  await using registry = await startRegistry('none');
  const job = setting('quickstart', { inputs: { store: `oci://${registry.host}/team/layer` } });
  const first = await runProgram(action, job);
  expect(first).toMatchObject({ code: 0, outputs: { skipped: '0' } });
  expect(first.log).toMatch(/sent \d+ results, [\d.]+ MB/);

  const second = await runProgram(action, fresh(job));
  expect(second.log).not.toContain('::warning');
  expect(second).toMatchObject({ code: 0, outputs: { ran: '0', 'cache-hit': 'true' } });

  appendFileSync(join(job.workspace, 'app/search.py'), '\n# Nothing is indexed.\n');
  const third = await runProgram(action, fresh(job));
  expect(third.log).not.toContain('::warning');
  expect(third.log).toContain('Layerfile ▸ RUN python3 tools/build_site.py: skipped');
  expect(third.log).toContain('app/search.py changed');
  expect(third.code).toBe(0);
});
