import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCacheService, type CacheFault, type CacheService } from '../support/cache-service.ts';
import { debianBase } from '../support/base-machine.ts';
import { opened } from '../support/opened.ts';
import { pullRequest, pushTo, runProgram, type JobEnd, type JobSetting } from '../support/workflow-job.ts';
import { action, setting } from './setting.ts';

beforeAll(async () => void (await debianBase()));

const canary = 'canary-0451-secret';
const main = 'refs/heads/main';

/** A runner that never saw the repository, with a token as GitHub gives it to this event. */
function fresh(job: JobSetting, service: CacheService, change: Partial<JobSetting> = {}): JobSetting {
  rmSync(join(job.temp, 'store'), { recursive: true, force: true });
  const { ref } = change.event ?? job.event;
  const rights = service.environment({ reads: [...new Set([ref, main])], writes: ref });
  return {
    ...job,
    ...change,
    inputs: { ...job.inputs, store: 'cache' },
    env: { ...job.env, ...rights, ...change.env },
  };
}

const warnings = ({ log }: JobEnd): readonly string[] =>
  log.split('\n').filter((line) => /^::(warning|error)/.test(line));

/** A repository whose first step takes long enough to be worth sending, and makes little. */
const files = {
  Layerfile: [
    'FROM vm/debian:12',
    'COPY input .',
    'RUN sleep 0.5; cat input > first',
    'COPY other .',
    'RUN sleep 0.5; cat first other > second',
    '',
  ].join('\n'),
  input: 'one\n',
  other: 'two\n',
};

describe('the action on the Actions cache', () => {
  test('what one runner stores another skips; after an edit it runs only what it must', async () => {
    await using service = await startCacheService();
    const job = setting(files);
    const first = await runProgram(action, fresh(job, service));
    expect(warnings(first)).toEqual([]);
    expect(first).toMatchObject({ code: 0, outputs: { skipped: '0', ran: '4' } });
    const second = await runProgram(action, fresh(job, service));
    expect(warnings(second)).toEqual([]);
    expect(second).toMatchObject({ code: 0, outputs: { skipped: '4', ran: '0', 'cache-hit': 'true' } });

    appendFileSync(join(job.workspace, 'other'), 'three\n');
    const sentBefore = service.entries.length;
    const third = await runProgram(action, fresh(job, service));
    expect(warnings(third)).toEqual([]);
    expect(third.log).toContain('RUN sleep 0.5; cat first other > second: other changed');
    expect(third.outputs, third.log + first.log).toMatchObject({ skipped: '3', ran: '1' });
    // The new layer and the new index, nothing else.
    expect(service.entries.length - sentBefore).toBe(2);
  });

  test('a pull request from a fork changes nothing that the default branch restores', async () => {
    await using service = await startCacheService();
    const job = setting(files);
    const fork = await runProgram(action, fresh(job, service, { event: pullRequest(7, 'fork') }));
    expect(fork).toMatchObject({ code: 0, outputs: { ran: '4' } });
    expect(new Set(service.entries.map((one) => one.scope))).toEqual(new Set(['refs/pull/7/merge']));
    // Even where the service showed it everything.
    const all = service.environment({ reads: [main, 'refs/pull/7/merge'], writes: main });
    const push = await runProgram(action, fresh(job, service, { event: pushTo('main'), env: all }));
    expect(push).toMatchObject({ code: 0, outputs: { ran: '4', skipped: '0' } });
    const again = await runProgram(action, fresh(job, service, { event: pullRequest(8, 'fork') }));
    expect(again).toMatchObject({ code: 0, outputs: { ran: '0', skipped: '4' } });
  });

  test('on one machine, a fork leaves nothing that the default branch is offered', async () => {
    const job = setting(files, { event: pullRequest(7, 'fork') });
    expect(await runProgram(action, job)).toMatchObject({ outputs: { ran: '4' } });
    expect(await runProgram(action, { ...job, event: pushTo('main') })).toMatchObject({ outputs: { ran: '4' } });
    expect(await runProgram(action, { ...job, event: pullRequest(8, 'own') })).toMatchObject({ outputs: { ran: '0' } });
  });

  test('a secret is in no byte that is sent, no line and no summary', async () => {
    await using service = await startCacheService();
    const layerfile = `FROM vm/debian:12\nRUN sleep 0.3; echo before > /root/before\nSECRET ENV TOKEN\nENV COPY=$TOKEN\nRUN sleep 0.3; echo "$TOKEN" > /root/kept; echo "$TOKEN"\n`;
    const job = setting({ Layerfile: layerfile }, { inputs: { secrets: 'TOKEN' }, env: { TOKEN: canary } });
    const first = await runProgram(action, fresh(job, service));
    expect(first.code).toBe(0);
    expect(first.log).toContain('2 results not sent: made where a secret was in force');
    expect(service.entries.some((one) => one.key.startsWith('layer-data-'))).toBe(true);
    for (const text of [first.log.replace(/^::add-mask::.*$/gm, ''), first.summary]) expect(text).not.toContain(canary);
    for (const bytes of service.blobs.values()) {
      for (const text of [bytes, ...opened(bytes)]) expect(text.includes(canary)).toBe(false);
    }
    const second = await runProgram(action, fresh(job, service));
    expect(second).toMatchObject({ code: 0, outputs: { skipped: '1' } });
  });

  test('a service that fails is done without, and that is said once', async () => {
    await using service = await startCacheService();
    const job = setting(files);
    expect(await runProgram(action, fresh(job, service))).toMatchObject({ code: 0 });
    const faults: readonly ((request: string) => CacheFault)[] = [
      () => 429,
      () => 403,
      (request) => (request === 'CreateCacheEntry' ? 409 : null),
      (request) => (request === 'GET blob' ? 'cut' : null),
      (request) => (request === 'PUT blob' ? 403 : null),
    ];
    for (const [index, fault] of faults.entries()) {
      service.fault = fault;
      appendFileSync(join(job.workspace, 'other'), `edit ${index}\n`);
      const end = await runProgram(action, fresh(job, service));
      expect(end.code, `fault ${index}`).toBe(0);
      expect(warnings(end), `fault ${index}`).toEqual([
        expect.stringContaining('::warning::going on without the Actions cache: '),
      ]);
    }
  });

  test('a service that answers 500 to everything holds nobody up for long', async () => {
    await using service = await startCacheService();
    service.fault = () => 500;
    const end = await runProgram(action, fresh(setting({ Layerfile: 'FROM vm/debian:12\nRUN true\n' }), service));
    expect(end.code).toBe(0);
    expect(warnings(end)).toEqual([expect.stringContaining('::warning::going on without the Actions cache: ')]);
  });

  test('a job without the service, and one whose token may only read, say so once', async () => {
    await using service = await startCacheService();
    const job = setting(files);
    const none = await runProgram(action, { ...job, inputs: { store: 'cache' } });
    expect(none).toMatchObject({ code: 0, outputs: { ran: '4' } });
    expect(warnings(none)).toEqual([expect.stringContaining('this job has no cache service')]);
    const rights = service.environment({ reads: [main], writes: null });
    const readOnly = await runProgram(action, fresh(job, service, { env: rights }));
    expect(readOnly).toMatchObject({ code: 0, outputs: { ran: '4' } });
    expect(warnings(readOnly)).toEqual([expect.stringContaining('cache write denied')]);
  });

  test('what was changed in the store is a miss', async () => {
    await using service = await startCacheService();
    const job = setting(files);
    await runProgram(action, fresh(job, service));
    const data = service.entries.filter((one) => one.key.startsWith('layer-data-'));
    const index = service.entries.filter((one) => one.key.startsWith('layer-index-'));
    expect([data.length > 1, index.length]).toEqual([true, 1]);
    // One entry in another's place: a foreign one, whole in itself.
    const [one, other] = data;
    const foreign = service.blobs.get(other?.blob ?? '');
    if (one === undefined || foreign === undefined) throw new Error('two layers were to be sent');
    for (const entry of data) service.blobs.set(entry.blob, foreign);
    appendFileSync(join(job.workspace, 'other'), 'three\n');
    const end = await runProgram(action, fresh(job, service));
    expect(end.code).toBe(0);
    expect(warnings(end)).toEqual([expect.stringContaining('is not what that names; it is not used')]);
  });
});
