import { describe, expect, test } from 'vitest';
import { processes } from '../../src/node-host/processes.ts';

describe('run', () => {
  test('gives code and output, and input where there is some', async () => {
    expect(await processes.run(['sh', '-c', 'echo out; echo error >&2; exit 3'])).toEqual({
      code: 3,
      stdout: 'out\n',
      stderr: 'error\n',
    });
    expect(await processes.run(['cat'], { input: 'text' })).toMatchObject({ code: 0, stdout: 'text' });
    expect(await processes.run(['cat'])).toMatchObject({ code: 0, stdout: '' });
    expect(await processes.run(['pwd'], { cwd: '/' })).toMatchObject({ stdout: '/\n' });
  });

  test('passes arguments through no shell', async () => {
    expect(await processes.run(['echo', '$HOME', '; ls'])).toMatchObject({ stdout: '$HOME ; ls\n' });
  });

  test('ends as a shell would where a program is killed or is not there', async () => {
    expect(await processes.run(['sh', '-c', 'kill -KILL $$'])).toMatchObject({ code: 137 });
    const missing = await processes.run(['layer-has-no-such-program']);
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain('layer-has-no-such-program');
  });

  test('ends when it is aborted', async () => {
    const signal = AbortSignal.timeout(50);
    await expect(processes.run(['sleep', '60'], { signal })).rejects.toThrow();
  });
});
