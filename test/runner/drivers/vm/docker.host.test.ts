import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machinePackages } from '../../../../src/ir/machine-packages.ts';
import { openWorkshop, type Report, type Workshop } from '../../../support/workshop.ts';

const fixture = fileURLToPath(new URL('../../../../fixtures/docker', import.meta.url));
const more = ['systemd', 'systemd-sysv', 'dbus', 'docker.io', 'iptables', 'busybox-static'];

/**
 * Each test goes on from the one before it: a story of one repository. It makes a base machine of Debian's archive, whose own systemd is then the first
 * process, and runs Docker in it: only where asked for, with LAYER_TEST_DOCKER=1. Some four minutes where processors are emulated.
 */
describe.runIf(process.env['LAYER_TEST_DOCKER'] === '1')('systemd and Docker', { timeout: 1_200_000 }, () => {
  let workshop: Workshop;
  beforeAll(() => {
    workshop = openWorkshop();
    cpSync(fixture, workshop.repository, { recursive: true });
    const options = [
      '--mode=root',
      '--quiet',
      '--variant=minbase',
      `--include=${[...machinePackages, ...more].join(',')}`,
    ];
    // The same packages make the same machine, which is booted once.
    const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };
    execFileSync('mmdebstrap', [...options, 'bookworm', join(workshop.repository, 'machine.tar')], { env });
  }, 1_200_000);
  afterAll(() => workshop?.[Symbol.dispose]());

  const run = (): Promise<Report> => workshop.run({ args: ['--driver=vm'], jobs: 1 });
  const steps = (report: Report) => [...report.runners.values()].flatMap((runner) => runner.ran);

  it('runs what needs an init and a kernel of its own, containers with files of the repository among it', async () => {
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    expect(steps(report)[0]?.output).toBe('running\nactive\n');
    expect(steps(report).at(-2)?.output).toMatch(/slow work\n[^]*slow\none\n$/);
    expect(steps(report).at(-1)?.output).toBe('stays\nslow\none\n');
  });

  it('builds an image again on what was built before, by the daemon that goes on, beside the container that does', async () => {
    workshop.put({ 'app/word': 'two\n', other: '' });
    const report = await run();
    expect(report.outcome, report.stderr).toBe('passed');
    expect(report.notes).toEqual([]);
    expect(steps(report).map(({ title }) => title.slice(0, 14))).toEqual(['RUN REPEATABLE', 'RUN docker ps ']);
    const [build, last] = steps(report).map(({ output }) => output);
    expect(build).toMatch(/Using cache\n[^]*slow\ntwo\n$/);
    expect(build).not.toMatch(/^slow work$/m);
    expect(last).toBe('stays\nslow\ntwo\n');
  });

  it('runs nothing where nothing that was seen has changed', async () => {
    workshop.put({ other: 'another\n' });
    expect(steps(await run())).toEqual([]);
  });
});
