import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { MachineLost } from '../../../../src/runner/driver.ts';
import { scratch } from '../../../support/scratch.ts';
import { buildTinyBase } from '../tiny-base.ts';
import { launch, run, TestGuest } from './guest-launcher.ts';

const source = fileURLToPath(new URL('./init.c', import.meta.url));

test("a base's own init is the machine's first process: waited for until it is up, and the machine ends with it", async () => {
  const root = scratch({ 'base/usr/lib/systemd/': '', 'base/lib/systemd/': '' });
  for (const path of ['base/usr/lib/systemd', 'base/lib/systemd']) {
    mkdirSync(join(root, path), { recursive: true });
    execFileSync('gcc', ['-static', '-o', join(root, path, 'systemd'), source]);
  }
  await using guest = await TestGuest.boot(buildTinyBase(join(root, 'base')), { memoryMegabytes: 512 });
  expect(
    await run(guest.agent, 'cat /root/init; mount | grep -c "tmpfs on /run "; ls /run/systemd/system | head -1'),
  ).toEqual({
    output: '1 @layer-init\n1\napt-daily-upgrade.timer\n',
    code: 0,
  });
  // What jobs leave behind belongs to it.
  expect(
    (
      await run(
        guest.agent,
        '(sleep 1000 & echo $! > /root/left); sleep 0.1; cut -d" " -f4 /proc/$(cat /root/left)/stat',
      )
    ).output,
  ).toBe('1\n');
  const job = guest.agent.exec(launch('kill -TERM 1; sleep 1000'), { stays: false, output: () => {} });
  await expect(job.ended).rejects.toThrow(MachineLost);
});
