// What a shared store costs: bytes sent by a first run and after an edit of one file, and how long a runner that never saw the repository needs to
// its first step. Registry and cache service are on loopback.
// node bench/remote.ts      needs root, docker-registry, a built dist/ and the base machine vm/debian:12
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRegistry } from '../test/runner/bases/support/registry-server.ts';
import { action, makeSetting } from '../test/action/setting.ts';
import { debianBase } from '../test/support/base-machine.ts';
import { startCacheService } from '../test/support/cache-service.ts';
import { runProgram, type JobSetting } from '../test/support/workflow-job.ts';

await debianBase();
const temp = mkdtempSync(join(tmpdir(), 'layer-bench-remote-'));
try {
  await using registry = await startRegistry('none');
  await using service = await startCacheService();
  const rights = service.environment({ reads: ['refs/heads/main'], writes: 'refs/heads/main' });
  await measure('registry', { inputs: { store: `oci://${registry.host}/bench/layer` }, env: {} });
  await measure('Actions cache', { inputs: { store: 'cache' }, env: rights });
} finally {
  rmSync(temp, { recursive: true, force: true });
}

async function measure(title: string, change: Pick<JobSetting, 'inputs' | 'env'>): Promise<void> {
  const job = makeSetting(mkdtempSync(join(temp, 'job-')), 'quickstart', change);
  await timed(`${title}: nothing there`, job);
  await timed('  another runner, nothing changed', job);
  appendFileSync(join(job.workspace, 'app/search.py'), '\n# Nothing is indexed.\n');
  await timed('  another runner, one file edited', job);
}

/** A run with an empty store directory: its time, that to the first step, and what it sent. */
async function timed(title: string, job: JobSetting): Promise<void> {
  rmSync(join(job.temp, 'store'), { recursive: true, force: true });
  const began = performance.now();
  const end = await runProgram(action, job);
  if (end.code !== 0) throw new Error(end.log);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const first = end.firstGroupMs === null ? '-' : `${(end.firstGroupMs / 1000).toFixed(1)} s`;
  const sent = /sent \d+ results?, ([\d.]+ \w+)/.exec(end.log)?.[1] ?? 'nothing';
  const { skipped, ran } = end.outputs;
  console.log(
    `${title.padEnd(36)} ${seconds.padStart(6)} s   first step ${first.padStart(6)}   sent ${sent.padStart(8)}   skipped ${skipped}, ran ${ran}`,
  );
}
