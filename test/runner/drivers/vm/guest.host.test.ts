import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildTinyBase } from '../tiny-base.ts';
import { launch, run, TestGuest } from './guest-launcher.ts';

describe('a guest', () => {
  let guest: TestGuest;
  const directory = mkdtempSync(join(tmpdir(), 'layer-guest-base-'));
  beforeAll(async () => {
    mkdirSync(join(directory, 'root'));
    guest = await TestGuest.boot(buildTinyBase(join(directory, 'root')));
  });
  afterAll(async () => {
    await guest?.[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  });

  describe('runs commands', () => {
    it('to the exit code or signal of bash', async () => {
      expect(await run(guest.agent, 'echo hello; exit 7')).toEqual({ output: 'hello\n', code: 7 });
      expect((await run(guest.agent, 'kill -TERM $$')).code).toBe(128 + 15);
      expect(await run(guest.agent, 'true\nnonesuch')).toEqual({
        output: 'bash: line 2: nonesuch: command not found\n',
        code: 127,
      });
    });

    it('with exactly the environment asked for, no input and no terminal', async () => {
      const env = { PATH: '/bin', EMPTY: '', LINES: 'a\nb', QUOTES: `'"$x` };
      const { output } = await run(
        guest.agent,
        'tr "\\0" "\\n" < /proc/$$/environ; cat; test -t 1 || echo none; umask',
        {
          env,
        },
      );
      expect(output).toBe(`PATH=/bin\nEMPTY=\nLINES=a\nb\nQUOTES='"$x\nnone\n0022\n`);
    });

    it('as any user, without rights', async () => {
      const as = { uid: 1000, gid: 1001, groups: [1001, 0], cwd: '/tmp' };
      const { output } = await run(guest.agent, 'id -u; id -g; id -G; grep CapEff /proc/self/status | cut -f2', as);
      expect(output).toBe('1000\n1001\n1001 0\n0000000000000000\n');
      expect((await run(guest.agent, 'true', { cwd: '/nonesuch' })).code).toBe(126);
    });

    it('that ignore signals, and kills them with all they started', async () => {
      const heard = Promise.withResolvers<void>();
      const job = guest.agent.exec(
        launch('trap "" TERM HUP INT; setsid sleep 1234 & echo up; while true; do sleep 1; done'),
        {
          stays: false,
          output: () => heard.resolve(),
        },
      );
      await heard.promise;
      await expect.poll(async () => (await guest.agent.jobs()).map((one) => one.process)).toContain('sleep');
      await guest.agent.kill(job.id);
      expect(await job.ended).toMatchObject({ signal: 9 });
      expect(await guest.agent.jobs()).toEqual([]);
    });
  });
});
