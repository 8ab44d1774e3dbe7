import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuestPath } from '../../src/host.ts';
import type { BaseMachine, Driver, Machine, MachineSpec, StackEntry } from '../../src/runner/driver.ts';
import { StateUnusable } from '../../src/runner/driver.ts';
import { encodeRecord, readRecord, recordName } from '../../src/runner/drivers/vm/machine-record.ts';
import { command, keep, shell, stackOf } from '../runner/drivers/contract.ts';
import { buildTinyBase } from '../runner/drivers/tiny-base.ts';
import { testDriver } from '../runner/drivers/vm/test-driver.ts';
import { lines, wholeRepository, writeManifestOf } from '../runner/fuse/served.ts';
import { testBases } from '../support/base-machine.ts';

const never = new AbortController().signal;
const memoryBytes = 512 * 2 ** 20;
const destination = '/w' as GuestPath;

/** A repository and machines on it, each restored on what the repository holds at that moment. */
class Stage {
  readonly directory = mkdtempSync(join(tmpdir(), 'layer-vm-hazards-'));
  readonly repository = join(this.directory, 'repository');
  readonly base: BaseMachine;
  readonly driver: Driver;
  readonly warnings: string[];
  readonly #up = new Set<Machine>();
  #count = 0;

  constructor({ driver, warnings }: { readonly driver: Driver; readonly warnings: string[] }) {
    this.driver = driver;
    this.warnings = warnings;
    for (const name of ['repository', 'base']) mkdirSync(join(this.directory, name));
    this.base = buildTinyBase(join(this.directory, 'base'));
  }

  put(files: Readonly<Record<string, string | null>>): void {
    for (const [path, content] of Object.entries(files)) {
      const place = join(this.repository, path);
      rmSync(place, { force: true });
      mkdirSync(join(place, '..'), { recursive: true });
      if (content !== null) writeFileSync(place, content);
    }
  }

  async boot(stack: readonly StackEntry[], changes: Partial<MachineSpec> = {}): Promise<Machine> {
    const directory = join(this.directory, `m${this.#count}`);
    const manifest = join(this.directory, `manifest-${this.#count++}`);
    mkdirSync(directory);
    writeManifestOf(this.repository, manifest, {});
    const spec: MachineSpec = {
      ...{ hostname: 'machine', base: this.base, stack, trees: { repository: manifest }, mtime: 'plain' },
      ...{ memoryBytes, network: 'none', directory, ...changes },
    };
    const machine = await this.driver.boot(spec, never);
    this.#up.add(machine);
    return machine;
  }

  /** A machine with the repository copied to /w. */
  async copied(files: Readonly<Record<string, string>>): Promise<Machine> {
    rmSync(this.repository, { recursive: true });
    mkdirSync(this.repository);
    this.put(files);
    const machine = await this.boot([]);
    await machine.makeDirectory(destination);
    const ancestors = [{ mode: 0o755, uid: 0, gid: 0 }];
    await machine.addView(wholeRepository({ destination, ancestors }));
    return machine;
  }

  async endAll(): Promise<void> {
    for (const machine of this.#up) await machine[Symbol.asyncDispose]();
    this.#up.clear();
  }

  async close(): Promise<void> {
    await this.endAll();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function seen(machine: Machine): Promise<readonly string[]> {
  const { observations, fault } = await machine.endStep({ keep: false });
  expect(fault).toBeNull();
  return lines(observations);
}

describe('a machine that is kept with its memory', { timeout: 400_000 }, () => {
  let stage: Stage;
  beforeAll(async () => {
    const warnings: string[] = [];
    stage = new Stage({ ...(await testDriver((message) => warnings.push(message))), warnings });
  });
  afterAll(() => stage?.close());

  it('H21 H22 shows the files of the commit that it is restored on, also where its kernel had looked before', async () => {
    const machine = await stage.copied({ read: 'read\n', held: 'one\n', unread: '1\n', 'dir/gone': 'x', known: 'a\n' });
    // Known by name, open in a process, mapped as a directory: but not read.
    await shell(machine, 'cat /w/read; test -h /w/known; ls /w/dir > /dev/null || true');
    const holder = command('exec 3< /w/held; echo up; until [ -e /go ]; do sleep 0.1; done; cat <&3 > /held');
    const up = Promise.withResolvers<void>();
    await machine.start(holder, () => up.resolve());
    await up.promise;
    const stack = await keep(machine);
    await machine[Symbol.asyncDispose]();
    stage.put({
      held: 'two\n',
      unread: 'another and longer\n',
      known: 'b'.repeat(9000),
      new: 'new\n',
      'dir/gone': 'y',
    });
    const restored = await stage.boot(stack);
    const [background] = restored.resumed(() => () => {});
    expect(background).toBeDefined();
    expect(await shell(restored, 'cat /w/read /w/unread /w/new /w/dir/gone; wc -c < /w/known')).toBe(
      'read\nanother and longer\nnew\ny9000\n',
    );
    await shell(restored, 'touch /go; until [ -s /held ]; do sleep 0.1; done');
    expect(await shell(restored, 'cat /held')).toBe('two\n');
    const all = await shell(restored, 'cd /w && find . -type f | sort | xargs md5sum');
    const expected = ['dir/gone', 'held', 'known', 'new', 'read', 'unread'].map(
      (path) =>
        `${createHash('md5')
          .update(readFileSync(join(stage.repository, path)))
          .digest('hex')}  ./${path}\n`,
    );
    expect(all).toBe(expected.join(''));
    await stage.endAll();
  });

  it('H21 is refused where what its kernel remembers is no longer so', async () => {
    const machine = await stage.copied({ read: 'read\n', unread: '1\n' });
    await shell(machine, 'cat /w/read; test -e /w/none; true');
    const stack = await keep(machine);
    stage.put({ none: 'here now\n' });
    await expect(stage.boot(stack)).rejects.toThrow(StateUnusable);
    stage.put({ none: null, read: null });
    await expect(stage.boot(stack)).rejects.toThrow(StateUnusable);
    await stage.endAll();
  });

  it('H20 counts what a step wrote over as read, and keeps what it wrote', async () => {
    const machine = await stage.copied({ appended: 'one\n', other: '1\n' });
    await shell(machine, 'echo two >> /w/appended');
    const { observations, state } = await machine.endStep({ keep: true });
    expect(lines(observations)).toContain('content /w/appended');
    stage.put({ other: '2\n' });
    const restored = await stage.boot(stackOf(state));
    expect(await shell(restored, 'cat /w/appended /w/other')).toBe('one\ntwo\n2\n');
    await stage.endAll();
  });

  it('H07 counts what a background process reads for the step in which it reads it, before a restore and after', async () => {
    const machine = await stage.copied({ early: '1', late: '2', later: '3' });
    const reader = command(
      'cat /w/early; for n in late later; do until [ -e /$n ]; do sleep 0.1; done; cat /w/$n; done',
    );
    let said = '';
    await machine.start(reader, (chunk) => (said += Buffer.from(chunk).toString()));
    await expect.poll(() => said, { timeout: 60_000 }).toBe('1');
    expect(await seen(machine)).toEqual(expect.arrayContaining(['content /w/early']));
    await shell(machine, 'touch /late');
    await expect.poll(() => said, { timeout: 60_000 }).toBe('12');
    const { observations, state } = await machine.endStep({ keep: true });
    expect(lines(observations)).toContain('content /w/late');
    expect(lines(observations)).not.toContain('content /w/early');
    const restored = await stage.boot(stackOf(state));
    let goesOn = '';
    restored.resumed(() => (chunk) => (goesOn += Buffer.from(chunk).toString()));
    await shell(restored, 'touch /later');
    await expect.poll(() => goesOn, { timeout: 60_000 }).toBe('3');
    const after = await seen(restored);
    expect(after).toContain('content /w/later');
    expect(after.filter((one) => /early|late$/.test(one))).toEqual([]);
    await stage.endAll();
  });

  it('H34 gives each fork random numbers, a name, an id and a time of its own, before anything in it runs', async () => {
    const machine = await stage.boot([]);
    // Draws from the kernel's generator the moment it goes on.
    const drawer = command('until [ -e /dev/shm/go ]; do :; done; cat /proc/sys/kernel/random/uuid > /dev/shm/first');
    await machine.start(drawer, () => {});
    await shell(machine, 'touch /dev/shm/go.later');
    const stack = await keep(machine);
    await machine[Symbol.asyncDispose]();
    const forks = await Promise.all([1, 2, 3, 4].map((n) => stage.boot(stack, { hostname: `fork-${n}` })));
    const script =
      'touch /dev/shm/go; n=0; while [ $n -lt 1000 ]; do read u < /proc/sys/kernel/random/uuid; echo $u; n=$((n+1)); done';
    const uuids = (await Promise.all(forks.map((fork) => shell(fork, script)))).join('').trim().split('\n');
    expect(uuids).toHaveLength(4000);
    expect(new Set(uuids).size).toBe(4000);
    const facts = await Promise.all(
      forks.map((fork) => shell(fork, 'hostname; cat /etc/machine-id; cat /proc/sys/kernel/random/boot_id; date +%s')),
    );
    const columns = facts.map((fact) => fact.trim().split('\n'));
    for (const column of [0, 1, 2]) expect(new Set(columns.map((fact) => fact[column])).size).toBe(4);
    for (const fact of columns) expect(Math.abs(Number(fact[3]) - Date.now() / 1000)).toBeLessThan(30);
    await stage.endAll();
  });

  it('H45 is what it was when it was kept, whatever its source writes into its memory afterwards', async () => {
    const machine = await stage.boot([]);
    await shell(machine, 'head -c 4000000 /dev/zero | tr "\\0" a > /dev/shm/text');
    const stack = await keep(machine);
    const fork = await stage.boot(stack);
    await shell(machine, 'head -c 4000000 /dev/zero | tr "\\0" b > /dev/shm/text');
    expect(await shell(fork, 'tr -d a < /dev/shm/text | wc -c; wc -c < /dev/shm/text')).toBe('0\n4000000\n');
    await shell(fork, 'head -c 4000000 /dev/zero | tr "\\0" c > /dev/shm/text');
    expect(await shell(machine, 'tr -d b < /dev/shm/text | wc -c')).toBe('0\n');
    const another = await stage.boot(stack);
    expect(await shell(another, 'tr -d a < /dev/shm/text | wc -c')).toBe('0\n');
    await stage.endAll();
  });

  it('H44 never writes into what machines share, and never uses what somebody has written into', async () => {
    const machine = await stage.boot([]);
    await shell(machine, 'echo 1 > /f');
    const stack = await keep(machine);
    const top = stack.at(-1);
    if (top?.kind !== 'machine') throw new Error('no memory was kept');
    const booted = sharedImages(top.directory);
    expect(booted).toHaveLength(1);
    const shared = [...booted, ...readdirSync(top.directory).map((name) => join(top.directory, name))];
    const before = shared.map(digest);
    const forks = await Promise.all([1, 2].map(() => stage.boot(stack, { forks: 3 })));
    // One file was made of the chain for them; then somebody writes to it.
    const [flat = ''] = readdirSync(stage.directory, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('forked/image'))
      .map((path) => join(stage.directory, path));
    expect(processesThatMap(flat)).toBe(2);
    for (const fork of forks) await shell(fork, 'head -c 3000000 /dev/urandom > /dev/shm/x; cp /dev/shm/x /root/x');
    for (const fork of forks) await keep(fork);
    await stage.endAll();
    expect(shared.map(digest)).toEqual(before);
    writeFileSync(flat, Buffer.alloc(memoryBytes, 1));
    const third = await stage.boot(stack, { forks: 3 });
    expect(await shell(third, 'cat /f')).toBe('1\n');
    expect(stage.warnings.at(-1)).toContain('written to');
    expect(existsSync(flat)).toBe(false);
    await stage.endAll();
    // Every file of a state, damaged in each way: test/runner/drivers/vm/faults.host.test.ts.
    const path = join(top.directory, 'memory');
    const flipped = readFileSync(path);
    flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
    rmSync(path);
    writeFileSync(path, flipped, { mode: 0o600 });
    await expect(stage.boot(stack)).rejects.toThrow(StateUnusable);
  });

  it('H36 is refused by another QEMU, processor or kernel than the one that saved it', async () => {
    const machine = await stage.boot([]);
    const stack = await keep(machine);
    const top = stack.at(-1);
    if (top?.kind !== 'machine') throw new Error('no memory was kept');
    await stage.endAll();
    const read = readRecord(top.directory);
    if (read === null) throw new Error('there is no record');
    const path = join(top.directory, recordName);
    const own = readFileSync(path);
    const { identity } = read.record;
    for (const [what, other] of [
      ['QEMU', { ...identity, qemu: '9.9.9' }],
      ['kernel', { ...identity, kernel: '0'.repeat(64) }],
      ['processor', { ...identity, processor: 'another one' }],
      ['base disk', { ...identity, disk: '0'.repeat(64) }],
    ] as const) {
      writeFileSync(path, encodeRecord({ ...read.record, identity: other }).text);
      await expect(stage.boot(stack)).rejects.toThrow(what);
    }
    writeFileSync(path, own);
    await expect(stage.boot(stack, { memoryBytes: 600 * 2 ** 20 })).rejects.toThrow(StateUnusable);
    const again = await stage.boot(stack);
    expect(await shell(again, 'echo up')).toBe('up\n');
    await stage.endAll();
  });
});

/** The memory of the booted machine that a saved one was made from: all of its kind map it. */
function sharedImages(saved: string): readonly string[] {
  const booted = join(testBases, 'guests/booted');
  const digest = readRecord(saved)?.record.parent;
  return readdirSync(booted, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(`/${digest}/image`))
    .map((path) => join(booted, path));
}

function processesThatMap(path: string): number {
  const maps = readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [readFileSync(`/proc/${pid}/maps`, 'latin1')];
    } catch {
      return [];
    }
  });
  return maps.filter((text) => text.includes(path)).length;
}

function digest(path: string): string {
  return execFileSync('sha256sum', ['--', path], { encoding: 'utf8' }).slice(0, 64);
}
