import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { MachineLost, StateUnusable } from '../../../../src/runner/driver.ts';
import { Qmp } from '../../../../src/runner/drivers/vm/qmp.ts';
import { Lab } from './lab.ts';
import type { Running } from './lab.ts';

/** Process ids of the QEMUs that this process has started and that live. */
function qemus(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const [, comm, state, parent] =
          /^\d+ \((.*)\) (\S) (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? [];
        return comm?.startsWith('qemu-system') && state !== 'Z' && Number(parent) === process.pid;
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe('what goes wrong with a machine', () => {
  const signal = AbortSignal.timeout(500_000);
  let lab: Lab;
  const levels: string[] = [];
  beforeAll(async () => {
    lab = await Lab.open(signal);
    await using source = await lab.boot();
    for (const [content, memory] of [
      ['one', 'image'],
      ['two', 'blocks'],
    ] as const) {
      await source.run(`echo ${content} > /var/file; sync`);
      const directory = lab.place();
      await source.save(directory, { memory });
      levels.push(directory);
    }
  }, 300_000);
  afterEach(() => {
    vi.restoreAllMocks();
    expect(qemus()).toEqual([]);
  });
  afterAll(() => lab?.[Symbol.dispose]());

  const killBefore = (command: string, after = 0): void => {
    const run = Qmp.prototype.run;
    let count = 0;
    vi.spyOn(Qmp.prototype, 'run').mockImplementation(function (this: Qmp, name, args) {
      if (name === command && count++ === after) for (const pid of qemus()) process.kill(pid, 'SIGKILL');
      return run.call(this, name, args);
    });
  };

  it.each([
    ['blockdev-add', 0],
    ['stop', 0],
    ['query-status', 0],
    ['blockdev-snapshot', 0],
    ['xen-save-devices-state', 0],
    ['xen-save-devices-state', 1],
    ['cont', 0],
  ] as const)(
    'a QEMU that ends at %s (%i) of a snapshot leaves none, and the one before is whole',
    async (command, after) => {
      const machine = await lab.restore(levels);
      killBefore(command, after);
      const directory = lab.place();
      await expect(machine.save(directory)).rejects.toThrow(MachineLost);
      expect(await machine.machine.gone).toBe('QEMU was killed (SIGKILL)');
      expect(existsSync(directory)).toBe(false);
      vi.restoreAllMocks();
      await using again = await lab.restore(levels);
      expect(await again.run('cat /var/file')).toBe('two\n');
    },
  );

  it.each(['qmp_capabilities', 'migrate-set-capabilities', 'migrate-incoming', 'cont'])(
    'a QEMU that ends at %s of a restore is a lost machine',
    async (command) => {
      killBefore(command);
      await expect(lab.restore(levels)).rejects.toThrow(MachineLost);
    },
  );

  const files = [
    [0, 'image'],
    ...['machine.json', 'pages', 'state', 'disk-0.qcow2', 'agent.json'].flatMap((name) => [
      [0, name] as const,
      [1, name] as const,
    ]),
    [1, 'memory'],
  ] as const;
  const damages: Readonly<Record<string, (path: string) => void>> = {
    'is a byte shorter': (path) => truncateSync(path, statSync(path).size - 1),
    'has a bit flipped': flipBit,
    'is missing': (path) => rmSync(path),
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(`a saved file that ${what} makes the state unusable`, async () => {
      for (const [level, name] of files) {
        // What the driver keeps of its own in a lower level is nobody's business any more.
        if (level === 0 && ['agent.json', 'state'].includes(name)) continue;
        const copies = levels.map(() => lab.place());
        for (const [n, copy] of copies.entries()) execFileSync('cp', ['-a', levels[n] ?? '', copy]);
        damage(join(copies[level] ?? '', name));
        await expect(lab.restore(copies), `${name} of level ${level}`).rejects.toThrow(StateUnusable);
        for (const copy of copies) rmSync(copy, { recursive: true });
      }
    });
  }

  it('a state that another QEMU saved is unusable, and so is one of another machine', async () => {
    const program = join(lab.directory, 'qemu');
    writeFileSync(
      program,
      '#!/bin/sh\n[ "$1" = --version ] && echo "QEMU emulator version 6.6.6 (other)" && exit\nexec qemu-system-x86_64 "$@"\n',
    );
    chmodSync(program, 0o755);
    await expect(lab.restore(levels, { program })).rejects.toThrow(/its QEMU was .* and is now 6\.6\.6 \(other\)/);
    await expect(lab.restore(levels, { memoryBytes: 2 ** 29 })).rejects.toThrow(/its memory was 268435456 bytes/);
    const kernel = { ...lab.options.kernel, digest: 'other' };
    await expect(lab.restore(levels, { kernel })).rejects.toThrow(/its kernel was .* and is now other/);
    const acceleration = { ...lab.options.acceleration, tscKhz: 1_000_000 };
    await expect(lab.restore(levels, { acceleration })).rejects.toThrow(/counter runs at 1000000 kHz/);
    await expect(lab.restore(levels.slice(1))).rejects.toThrow(/not saved above the level before it/);
    await expect(lab.restore([levels[0] ?? '', lab.scratch()])).rejects.toThrow(/no whole record/);
  });

  it('a full disk fails the snapshot, not the machine; a machine that cannot write its own disk is lost', async () => {
    const small = lab.scratch();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'none', small]);
    try {
      const directory = join(small, 'machine');
      mkdirSync(directory);
      const machine: Running = await lab.restore(levels, { directory });
      await machine.run('echo three > /var/file; head -c 8388608 /dev/urandom > /dev/shm/noise; sync');
      const before = await machine.run('sha256sum < /dev/shm/noise; cat /var/file');
      const fill = join(small, 'fill');
      const fillUp = (): void => {
        expect(() => execFileSync('dd', ['if=/dev/zero', `of=${fill}`, 'bs=64k'], { stdio: 'ignore' })).toThrow();
        truncateSync(fill, statSync(fill).size - 2 ** 20);
      };
      fillUp();
      const directory1 = join(small, 'level');
      await expect(machine.save(directory1)).rejects.toThrow(/ENOSPC/);
      expect(existsSync(directory1)).toBe(false);
      expect(await machine.run('sha256sum < /dev/shm/noise; cat /var/file')).toBe(before);
      rmSync(fill);
      await machine.run('echo more > /var/other; sync');
      await machine.save(directory1);
      await using restored = await lab.restore([...levels, directory1]);
      expect(await restored.run('sha256sum < /dev/shm/noise; cat /var/file')).toBe(before);
      expect(await restored.run('cat /var/other')).toBe('more\n');
      await restored[Symbol.asyncDispose]();
      fillUp();
      await machine.run('head -c 8388608 /dev/urandom > /var/big; sync').catch(() => {});
      expect(await machine.machine.gone).toBe('no space is left where its disk lies');
    } finally {
      execFileSync('umount', ['--lazy', small]);
    }
  });

  it('hibernates and wakes', async () => {
    const machine = await lab.restore(levels);
    await machine.run('echo asleep > /dev/shm/file');
    await machine.agent.freeze();
    const directory = lab.place();
    const extra = (): Record<string, string> => ({ 'agent.json': JSON.stringify(machine.agent.state()) });
    await machine.machine.hibernate({ directory, extra });
    expect(qemus()).toEqual([]);
    await using awake = await lab.restore([...levels, directory]);
    expect(await awake.run('cat /dev/shm/file')).toBe('asleep\n');
  });
});

function flipBit(path: string): void {
  const bytes = readFileSync(path);
  // Somewhere with content: in an image most is hole.
  let at = Math.floor(bytes.length / 2);
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
