import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flattenMemory } from '../../../../src/runner/drivers/vm/flatten.ts';
import { Lab } from './lab.ts';
import type { Running } from './lab.ts';

/** Bytes that a directory's files take, holes not counted. */
function room(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).blocks * 512, 0);
}

describe('snapshots of a running machine', () => {
  const signal = AbortSignal.timeout(400_000);
  let lab: Lab;
  let source: Running;
  /** Levels of the source, the oldest first. */
  const levels: string[] = [];
  const level = async (options: Parameters<Running['save']>[1] = {}): Promise<void> => {
    const directory = lab.place();
    await source.save(directory, options);
    levels.push(directory);
  };
  beforeAll(async () => {
    lab = await Lab.open(signal);
    source = await lab.boot();
    // A process that counts, 2 MiB in memory alone, and a file on the disk.
    await source.run(
      'mount -t tmpfs none /run; (while true; do echo >> /run/count; sleep 0.01; done) > /dev/null 2>&1 & disown',
    );
    await source.run('head -c 2097152 /dev/urandom > /run/memory; echo one > /var/file; sync');
    await level({ memory: 'image' });
  }, 300_000);
  afterAll(async () => {
    await source?.[Symbol.asyncDispose]();
    lab?.[Symbol.dispose]();
  });

  const facts = 'cksum < /run/memory; cat /var/file';

  it('hold its memory, its disk and its processes, while it goes on', async () => {
    const before = await source.run(facts);
    await using restored = await lab.restore(levels);
    expect(await restored.run(facts)).toBe(before);
    for (const { run } of [source, restored]) {
      const count = Number(await run('wc -l < /run/count'));
      await expect.poll(async () => Number(await run('wc -l < /run/count'))).toBeGreaterThan(count);
    }
    expect(await restored.run('hostname')).toBe('restored\n');
  });

  it('stand one above the other, each with what changed since the one below', async () => {
    const expected: string[] = [await source.run(facts)];
    for (const n of [1, 2]) {
      await source.run(
        `dd if=/dev/urandom of=/run/memory bs=4096 count=1 seek=${n} conv=notrunc 2>&1; echo ${n} > /var/file`,
      );
      expected.push(await source.run(facts));
      await level();
    }
    // A level of a machine that was loaded stands on the chain it was loaded from.
    await using restored = await lab.restore(levels.slice(0, 2));
    expect(await restored.run(facts)).toBe(expected[1]);
    await restored.run('echo branch > /var/file; rm /run/memory; head -c 1048576 /dev/urandom > /run/memory');
    const branch = lab.place();
    await restored.save(branch);
    await using again = await lab.restore([...levels.slice(0, 2), branch]);
    expect(await again.run(facts)).toBe(await restored.run(facts));
    await using top = await lab.restore(levels);
    expect(await top.run(facts)).toBe(expected[2]);
    for (const directory of [...levels.slice(1), branch]) expect(room(directory)).toBeLessThan(12 * 2 ** 20);
  });

  it('are loaded by four machines at once, which share memory and nothing else', async () => {
    await source.run('echo fork > /var/file');
    await level();
    await using memory = await flattenMemory({ chain: levels, directory: lab.scratch(), signal });
    const forks = await Promise.all([0, 1, 2, 3].map(() => lab.restore(levels, { memory })));
    try {
      const before = await source.run(facts);
      expect(await Promise.all(forks.map(({ run }) => run(facts)))).toEqual(forks.map(() => before));
      await Promise.all(forks.map(({ run }, n) => run(`echo ${n} > /run/memory; echo ${n} > /var/file`)));
      const digests = await Promise.all(forks.map(({ run }) => run('cat /run/memory /var/file')));
      expect(digests).toEqual(['0\n0\n', '1\n1\n', '2\n2\n', '3\n3\n']);
      expect(await source.run(facts)).toBe(before);
      const uuids = 'for n in {1..250}; do read -r uuid < /proc/sys/kernel/random/uuid; echo $uuid; done';
      const drawn = (await Promise.all(forks.map(({ run }) => run(uuids)))).join('').trim().split('\n');
      expect([drawn.length, new Set(drawn).size]).toEqual([1000, 1000]);
      const directory = lab.place();
      await forks[1]?.save(directory);
      await using child = await lab.restore([...levels, directory]);
      expect(await child.run('cat /run/memory /var/file')).toBe('1\n1\n');
    } finally {
      for (const fork of forks) await fork[Symbol.asyncDispose]();
    }
  });

  it('are those of the other board, too, and of no other', async () => {
    const acceleration = { ...lab.options.acceleration, board: 'q35' } as const;
    const directory = lab.place();
    await using machine = await lab.boot({ acceleration });
    await machine.run('echo board > /dev/shm/file');
    await machine.save(directory, { memory: 'image' });
    await using restored = await lab.restore([directory], { acceleration });
    expect(await restored.run('cat /dev/shm/file; echo more > /var/more; sync; cat /var/more')).toBe('board\nmore\n');
    await expect(lab.restore([directory])).rejects.toThrow(/its board was q35 and is now microvm/);
    // What it was booted from is not given to a machine that is loaded: one that begins anew ends.
    restored.run('echo b > /proc/sysrq-trigger').catch(() => {});
    expect(await restored.machine.gone).toMatch(/the machine was shut down/);
  });
});
