import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCacheService, type CacheService } from '../support/cache-service.ts';
import { debianBase } from '../support/base-machine.ts';
import { scratch } from '../support/scratch.ts';
import { runProgram, type JobSetting } from '../support/workflow-job.ts';
import { action, post, setting } from './setting.ts';

beforeAll(async () => void (await debianBase()));

const main = 'refs/heads/main';

function withCache(job: JobSetting, service: CacheService): JobSetting {
  const rights = service.environment({ reads: [main], writes: main });
  return { ...job, inputs: { ...job.inputs, store: 'cache' }, env: { ...job.env, ...rights } };
}

/** A first step that is worth sending, and one that a test can stop or let fail. */
const files = (last: string) => ({
  Layerfile: `FROM vm/debian:12\nRUN sleep 0.5; echo one > /root/one\nRUN ${last}\n`,
});

/** A user without rights, whom sudo lets become root without a password; nothing of that outlives the program. */
function asRunner(): readonly string[] {
  const sudoers = join(scratch(), 'sudoers');
  writeFileSync(
    sudoers,
    'Defaults env_reset, use_pty\nDefaults secure_path="/usr/sbin:/usr/bin"\nALL ALL=(ALL:ALL) NOPASSWD:ALL\n',
  );
  const script = 'chown root:root "$0" && chmod 0440 "$0" && mount --bind "$0" /etc/sudoers && exec "$@"';
  const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, sudoers, ...user];
}

describe('when the job ends', () => {
  test('what a cancelled run had finished is sent, and another runner goes on from it', async () => {
    await using service = await startCacheService();
    const job = withCache(setting(files('echo "a long step"; sleep 600')), service);
    const cancelled = await runProgram(action, { ...job, cancelAt: 'a long step\n' });
    expect(cancelled.code).toBe(130);
    expect(cancelled.summary).toContain('interrupted');
    expect([cancelled.state, service.entries.length]).toEqual([{}, 0]);
    const end = await runProgram(post, { ...job, state: cancelled.state });
    expect(end).toMatchObject({ code: 0, log: expect.stringMatching(/^sent 1 result, /m) });
    rmSync(join(job.temp, 'store'), { recursive: true });
    writeFileSync(join(job.workspace, 'Layerfile'), files('true').Layerfile);
    const next = await runProgram(action, job);
    expect(next).toMatchObject({ code: 0, outputs: { skipped: '1', ran: '1' } });
  });

  test('a run that failed has sent what it could, and nothing is left', async () => {
    await using service = await startCacheService();
    const job = withCache(setting(files('false')), service);
    const failed = await runProgram(action, job);
    expect(failed).toMatchObject({ code: 1, state: { sent: 'yes' } });
    expect(failed.log).toMatch(/^sent 1 result, /m);
    const before = service.requests.length;
    expect(await runProgram(post, { ...job, state: failed.state })).toMatchObject({ code: 0, log: '' });
    expect(service.requests.length).toBe(before);
  });

  test('it fails no job: without a run, a store or a service it does nothing', async () => {
    const job = setting(files('true'), { inputs: { store: 'cache' } });
    expect(await runProgram(post, job)).toMatchObject({ code: 0, log: '' });
    const wrong = await runProgram(post, { ...job, inputs: { store: 's3://x' } });
    expect(wrong.code).toBe(0);
  });
});

describe('as the user of a hosted runner, who may sudo', () => {
  const job = (last: string): JobSetting => {
    const made = setting(files(last), { inputs: { 'working-directory': 'sub' }, prefix: asRunner() });
    return { ...made, inputs: { ...made.inputs, 'working-directory': '.' } };
  };

  test('it runs, with the inputs and the environment that the user has', async () => {
    const end = await runProgram(action, job('whoami'));
    expect(end, end.log).toMatchObject({ code: 0, outputs: { ran: '2' } });
    expect(end.log).toContain('root\n');
  });

  test('it stops when the job is cancelled, though root takes no signal from the user', async () => {
    const end = await runProgram(action, { ...job('echo "a long step"; sleep 600'), cancelAt: 'a long step\n' });
    expect(end.code).toBe(130);
  });
});
