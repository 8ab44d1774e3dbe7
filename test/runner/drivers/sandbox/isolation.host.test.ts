import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestPath } from '../../../../src/host.ts';
import type { Machine } from '../../../../src/runner/driver.ts';
import { sandboxDriver } from '../../../../src/runner/drivers/sandbox/sandbox.ts';
import { sweepSandbox } from '../../../../src/runner/drivers/sandbox/sweep.ts';
import { command, keep, run, shell, Workshop } from '../contract.ts';
import { buildTinyBase } from '../tiny-base.ts';
import { withoutViews } from './without-views.ts';

let workshop: Workshop;
const warnings: string[] = [];
beforeAll(() => {
  const driver = sandboxDriver({
    startViewServer: withoutViews,
    storeDirectory: tmpdir(),
    warn: (message) => warnings.push(message),
  });
  workshop = new Workshop({ driver, base: buildTinyBase });
});
afterAll(() => workshop.close());

describe('what a sandbox machine sees of the host', () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await workshop.boot({ hostname: 'inside' });
  });

  it('is nothing of its processes, names and paths', async () => {
    expect(await shell(machine, 'hostname; cat /etc/hostname')).toBe('inside\ninside\n');
    expect(await shell(machine, 'ls -d /proc/[0-9]* | wc -l')).toBe('4\n');
    expect(await shell(machine, 'cut -d" " -f5 /proc/self/mountinfo | sort | head -4')).toBe(
      '/\n/dev\n/dev/pts\n/dev/shm\n',
    );
    expect(await shell(machine, 'cat /proc/self/cgroup | cut -d: -f3 | sort -u')).toBe('/\n');
    expect(await shell(machine, 'ls -d /work /var/tmp/* 2>/dev/null | wc -l')).toBe('0\n');
  });

  it('is Docker’s set of devices, and no other device can be used', async () => {
    expect(await shell(machine, 'ls /dev | tr "\\n" " "')).toBe(
      'fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ',
    );
    expect((await run(machine, 'mknod /root/disk b 254 0 && head -c1 /root/disk')).output).toContain(
      'Permission denied',
    );
    expect(
      await shell(machine, 'head -c 8 /dev/urandom | wc -c; echo x > /dev/null; echo shm > /dev/shm/f; cat /dev/shm/f'),
    ).toBe('8\nshm\n');
  });

  it('is Docker’s default set of capabilities, and what needs others is refused', async () => {
    expect(await shell(machine, 'grep -E "Cap(Eff|Bnd)" /proc/self/status | cut -f2 | sort -u')).toBe(
      '00000000a80425fb\n',
    );
    for (const attempt of [
      'mount -t tmpfs none /tmp',
      'umount /proc/sys',
      'echo 1 > /proc/sys/vm/drop_caches',
      'echo b > /proc/sysrq-trigger',
      'ls /proc/1/root/',
      'ls /proc/1/cwd/',
      'readlink /proc/1/fd/3',
      'cat /proc/1/exe',
      'cat /proc/1/environ',
      'nsenter -t 1 -m true',
      'echo 0 > /sys/kernel/profiling',
      'hostname other',
      'chroot /proc/1/root true',
    ]) {
      expect((await run(machine, attempt)).exit, attempt).not.toEqual({ kind: 'exited', code: 0 });
    }
  });

  it('leaves its init unharmed by a kill', async () => {
    await run(machine, 'kill -9 1; kill -TERM 1; kill -STOP 1');
    expect(await shell(machine, 'echo alive')).toBe('alive\n');
  });

  it('is read-only or masked where the kernel tells of itself', async () => {
    expect(await shell(machine, 'cat /proc/keys /proc/timer_list | wc -c; ls /sys/firmware | wc -l')).toBe('0\n0\n');
  });

  it('leads no link of the machine out of its root', async () => {
    writeFileSync(join(workshop.directory, 'host-secret'), 'host-canary\n');
    const up = '../'.repeat(20);
    await using hostile = await workshop.boot();
    await shell(
      hostile,
      `ln -s ${up}${workshop.directory.slice(1)} /out; rm /etc/passwd; ln -s ${workshop.directory}/host-secret /etc/passwd`,
    );
    await hostile.makeDirectory('/out/made' as GuestPath);
    expect(readdirSync(workshop.directory)).not.toContain('made');
    expect((await hostile.resolve('/out/made' as GuestPath)).path).toBe(`${workshop.directory}/made`);
    expect((await run(hostile, 'true', { user: 'host-canary' })).output).toContain('no user');
    await hostile.user('intruder');
    expect(readFileSync(join(workshop.directory, 'host-secret'), 'utf8')).toBe('host-canary\n');
  });

  it('hides secrets from argv, and from files on the host', async () => {
    const canary = `canary-${'x'.repeat(8)}-secret`;
    const env = { PATH: '/bin', TOKEN: canary };
    const running = run(machine, `: ${canary}; sleep 1`, { env });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const argv = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
      .map((pid) => execFileSync('sh', ['-c', `cat /proc/${pid}/cmdline 2>/dev/null || true`], { encoding: 'utf8' }));
    expect(argv.filter((text) => text.includes(canary))).toEqual([]);
    const found = execFileSync('sh', ['-c', `grep -rlF ${canary} ${workshop.directory} || true`], { encoding: 'utf8' });
    expect(found).toBe('');
    expect((await running).exit).toEqual({ kind: 'exited', code: 0 });
  });
});

describe('a sandbox machine’s network', () => {
  const fetchFrom = (host: string, port: number): string => `nc -w 3 ${host} ${port} </dev/null`;

  it('leads out, and never to the host’s loopback', async () => {
    const server = createServer((socket) => socket.end('reached\n'));
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const own = Object.values(networkInterfaces())
      .flat()
      .find((face) => face?.family === 'IPv4' && !face.internal)?.address;
    try {
      await using machine = await workshop.boot({ network: 'outward' });
      expect(warnings).toEqual([]);
      expect(await shell(machine, 'cat /etc/resolv.conf')).toBe('nameserver 10.0.2.3\n');
      if (own !== undefined) expect(await shell(machine, fetchFrom(own, port))).toBe('reached\n');
      for (const host of ['127.0.0.1', '10.0.2.2', '10.0.2.3']) {
        expect((await run(machine, fetchFrom(host, port))).output, host).not.toContain('reached');
      }
      const stack = (await shell(machine, 'touch /etc/marker'), await keep(machine));
      const [layer] = stack;
      expect(layer?.kind === 'layer' ? readdirSync(join(layer.directory, 'etc')) : []).toEqual(['marker']);
      await using closed = await workshop.boot({ network: 'none' });
      expect((await run(closed, fetchFrom(own ?? '10.0.2.2', port))).output).not.toContain('reached');
      expect(await shell(closed, 'cat /etc/resolv.conf; ls /sys/class/net')).toBe('lo\n');
    } finally {
      server.close();
    }
  });
});

describe('a sandbox machine’s memory', () => {
  it('is bounded, and its end is told as such', async () => {
    await using machine = await workshop.boot({ memoryBytes: 64 * 2 ** 20 });
    const { exit } = await run(
      machine,
      'head -c 200000000 /dev/zero | tr "\\0" x | sort > /dev/null; exit ${PIPESTATUS[2]}',
    );
    expect(exit).toEqual({ kind: 'out-of-memory', code: 137 });
    expect((await run(machine, 'echo fine')).output).toBe('fine\n');
    expect((await run(machine, 'exit 3')).exit).toEqual({ kind: 'exited', code: 3 });
  });
});

describe('an end without a goodbye', () => {
  it('leaves no process, mount or namespace; the next run clears the rest', async () => {
    const parent = workshop.fresh();
    const directory = join(parent, 'machine');
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('./boot-and-wait.ts', import.meta.url)), workshop.base.root, directory],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const [line] = await new Promise<readonly string[]>((resolve) =>
      child.stdout.once('data', (chunk) => resolve(String(chunk).trim().split('\n'))),
    );
    const { init, owner } = JSON.parse(line ?? '{}') as { init: number; owner: string };
    expect(mentions(owner).length).toBeGreaterThan(0);
    expect(await sweepSandbox(parent)).toEqual([]);
    child.kill('SIGKILL');
    await exited;
    await expect.poll(() => processesWith(directory), { timeout: 5000 }).toEqual([]);
    await expect.poll(() => isAlive(init), { timeout: 5000 }).toBe(false);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(directory);
    expect(await sweepSandbox(parent)).toEqual([directory]);
    expect([readdirSync(parent), readdirSync(directory)]).toEqual([['machine'], ['layers']]);
    expect(await sweepSandbox(parent)).toEqual([]);
    expect(mentions(owner)).toEqual([]);
  });

  it('is told as a lost machine, by every method', async () => {
    await using machine = await workshop.boot();
    const running = run(machine, 'sleep 1000');
    const background = await machine.start(command('sleep 1000'), () => {});
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const pid of machineInits(workshop.directory)) process.kill(pid, 'SIGKILL');
    expect((await running).exit).toMatchObject({ kind: 'lost' });
    expect(await background.exit).toMatchObject({ kind: 'lost' });
    expect((await run(machine, 'true')).exit).toMatchObject({ kind: 'lost' });
    const lost = expect.objectContaining({ name: 'MachineLost' });
    await expect(machine.endStep({ keep: true })).rejects.toThrow(lost);
    await expect(machine.resolve('/' as GuestPath)).rejects.toThrow(lost);
    await expect(machine.connect(1)).rejects.toThrow(lost);
  });
});

/** Control groups of an owner that are still there. */
function mentions(owner: string): readonly string[] {
  return execFileSync('sh', ['-c', `find /sys/fs/cgroup -type d -name '${owner}' 2>/dev/null || true`], {
    encoding: 'utf8',
  })
    .split('\n')
    .filter((line) => line !== '');
}

/** Processes in whose mounts a directory appears. */
function processesWith(directory: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(directory);
    } catch {
      return false;
    }
  });
}

/** Inits of the machines below a directory: the processes whose namespace has its mounts, and which are process 1 of theirs. */
function machineInits(directory: string): readonly number[] {
  return processesWith(directory)
    .filter((pid) => /^NSpid:\s+\d+\s+1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
    .map(Number);
}

/** Whether a process runs; one that only waits for its parent does not. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
