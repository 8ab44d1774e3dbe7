import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import type { Plan } from '../../src/ir/ir.ts';
import { chainOf } from '../../src/runner/chain.ts';
import type { Driver } from '../../src/runner/driver.ts';
import { driverNamed } from '../../src/world/driver-names.ts';
import { chooseDrivers, knownGuests, type DriverSettings } from '../../src/world/drivers.ts';
import { MemoryRepo } from '../support/memory-repo.ts';
import { scratch } from '../support/scratch.ts';

const sandbox = { name: 'sandbox' } as Driver;
const files = {
  'images/Layerfile': 'FROM vm/debian:12\nRUN docker build .\n',
  'images/child/Layerfile': 'FROM ..\nRUN true\n',
  'tests/Layerfile': 'FROM vm/debian:12\nRUN docker --version\n',
};

async function plan(texts: Readonly<Record<string, string>>): Promise<Plan> {
  const compiled = await compile(new MemoryRepo(texts));
  if (compiled.plan === null) throw new Error('no plan');
  return compiled.plan;
}

/** A host on which KVM is known not to boot guests, with these programs. */
function host(programs: readonly string[]): Pick<DriverSettings, 'bases' | 'path' | 'sandbox' | 'warn' | 'signal'> {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const directory = scratch({
    'bases/guests/kvm': `${boot} no`,
    'bin/': '',
    ...Object.fromEntries(programs.map((name) => [`bin/${name}`, ''])),
  });
  for (const name of programs) chmodSync(join(directory, 'bin', name), 0o755);
  return {
    ...{ bases: join(directory, 'bases'), path: join(directory, 'bin'), sandbox: () => sandbox, warn: () => {} },
    signal: new AbortController().signal,
  };
}

const tools = ['qemu-system-x86_64', 'qemu-img', 'mke2fs', 'setpriv'];

test('a Layerfile that plainly needs a machine of its own gets one, with those that start from it, and the person is told', async () => {
  const wanted = await plan(files);
  const { driver, driverFor, notes } = await chooseDrivers({ ...host(tools), asked: 'auto', plan: wanted });
  expect(driver.name).toBe('sandbox');
  const chosen = wanted.layers.map((layer) => [layer.path, driverFor?.(chainOf(wanted, layer.id)).name]);
  expect(Object.fromEntries(chosen)).toEqual({
    'images/Layerfile': 'vm',
    'images/child/Layerfile': 'vm',
    'tests/Layerfile': 'sandbox',
  });
  expect(notes).toEqual([
    expect.stringMatching(/^images\/Layerfile: docker talks to a container daemon.*emulated here/),
  ]);
});

test('where there is no QEMU, it is tried in the sandbox, and the person is told what would help', async () => {
  const { driver, driverFor, notes } = await chooseDrivers({ ...host([]), asked: 'auto', plan: await plan(files) });
  expect([driver.name, driverFor]).toEqual(['sandbox', null]);
  expect(notes).toEqual([
    expect.stringMatching(/tried in the sandbox, since .*apt install qemu-system-x86 qemu-utils/),
  ]);
});

test('nothing else is chosen than what was asked for', async () => {
  const own = await plan(files);
  expect(await chooseDrivers({ ...host(tools), asked: 'sandbox', plan: own })).toMatchObject({
    driver: sandbox,
    driverFor: null,
    notes: [],
  });
  const machines = await chooseDrivers({ ...host(tools), asked: 'vm', plan: own });
  expect([machines.driver.name, machines.driverFor]).toEqual(['vm', null]);
  expect(await machines.driver.unavailable()).toBeNull();
  const none = await chooseDrivers({ ...host(['mke2fs', 'setpriv']), asked: 'vm', plan: own });
  expect(await none.driver.unavailable()).toMatch(/qemu-system-x86_64, qemu-img not found: apt install/);
});

test('LAYER_DRIVER says what is meant where no option does', () => {
  expect(driverNamed('auto', 'vm')).toBe('vm');
  expect(driverNamed('sandbox', 'vm')).toBe('sandbox');
  expect(driverNamed('auto', 'nonsense')).toBe('auto');
  expect(driverNamed('auto', undefined)).toBe('auto');
});

test('what was found out about guests is remembered', () => {
  const probe = { acceleration: { kind: 'tcg' }, failures: [{ accelerator: 'kvm', board: 'q35', why: 'no' }] };
  const directory = scratch({ 'guests/accelerator-1.json': JSON.stringify(probe) });
  expect(knownGuests(directory)).toMatchObject({ accelerator: 'tcg', failures: [{ why: 'no' }] });
  expect(knownGuests(scratch())).toBeNull();
  expect(knownGuests(scratch({ 'guests/accelerator-1.json': '{' }))).toBeNull();
});
