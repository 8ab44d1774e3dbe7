import { describe, expect, test } from 'vitest';
import type { RepoPath } from '../../../src/host.ts';
import { workloads } from '../../support/workloads.ts';
import { serveDirectory } from './served.ts';

/** Whatever was looked at once the kernel knows: that is what makes a served repository as fast as one on the disk. */
describe('a program that is run again on a served repository', () => {
  test.each(workloads(100).map((one) => [one.name, one] as const))('%s asks for nothing', async (_, workload) => {
    await using served = await serveDirectory({
      fill: workload.fill,
      view: { sources: ['', '.git'].map((path) => ({ path: path as RepoPath, glob: false })) },
    });
    const cwd = await served.overlay();
    const requests = async (): Promise<number> => {
      const ran = await served.run(workload.script, { cwd });
      expect(ran).toMatchObject({ code: 0, stderr: '' });
      const cut = await served.server.cut();
      expect(cut.fault).toBeNull();
      return cut.requests;
    };
    expect(await requests()).toBeGreaterThan(10);
    // A kernel that makes room may forget meanwhile, which is asked for once more: what is asked for every time is a fault.
    const again = [await requests(), await requests(), await requests()];
    expect(Math.min(...again), `asked again: ${again.join(', ')}`).toBe(0);
  });
});
