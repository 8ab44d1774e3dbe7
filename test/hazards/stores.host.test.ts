import { chmodSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { descendants } from '../faults/leftovers.ts';
import { driverAsked, openWorkshop } from '../support/workshop.ts';

const driver = driverAsked();
const layerfile = 'FROM vm/debian:12\nCOPY . /w\nRUN cat /w/f\n';

it('H57: two repositories with equal Layerfiles share a store and nothing else', async () => {
  using one = openWorkshop(undefined, driver);
  using other = openWorkshop(undefined, driver);
  for (const workshop of [one, other]) workshop.put({ 'x/Layerfile': layerfile, 'x/f': 'same\n' });
  expect((await one.run()).runners.get('x')?.ran.map(({ output }) => output)).toEqual(['', 'same\n']);
  expect((await other.run({ store: one.store })).runners.get('x')?.skipped).toEqual([]);
  expect((await one.run()).runners.get('x')?.ran).toEqual([]);
  expect((await other.run({ store: one.store })).runners.get('x')?.ran).toEqual([]);
});

it('H42: two runs at once that make the same leave one working store', async () => {
  using workshop = openWorkshop(undefined, driver);
  workshop.put({ 'x/Layerfile': layerfile, 'x/f': 'one\n' });
  const both = await Promise.all([workshop.run(), workshop.run()]);
  expect(both.map(({ status, stderr }) => [status, stderr])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  expect((await workshop.run()).runners.get('x')?.ran).toEqual([]);
  workshop.put({ 'x/f': 'two\n' });
  expect((await workshop.run()).runners.get('x')?.ran.map(({ output }) => output)).toEqual(['two\n']);
});

// The server of a virtual machine's views is this process: there is none to be killed.
it('H03: a step whose reads could not all be recorded is not kept', async () => {
  using workshop = openWorkshop();
  workshop.put({
    'x/Layerfile': layerfile.replace('cat /w/f', 'cat /w/f; sleep 1; cat /w/g; true'),
    'x/f': 'one\n',
    'x/g': 'g\n',
  });
  const { process, report } = workshop.start();
  for (;;) {
    const below = descendants(process.pid ?? 0);
    if (below.some(({ name }) => name === 'sleep')) {
      for (const { pid, command } of below.filter((one) => one.command.includes('view-server'))) {
        if (command.startsWith('/')) globalThis.process.kill(pid, 'SIGKILL');
      }
      break;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const broken = await report;
  expect(broken.outcome).not.toBe('passed');
  const after = await workshop.run();
  expect(after.runners.get('x')?.ran.at(-1)?.output).toBe('one\ng\n');
});

it('S05 a kept state that is gone is a miss, and nobody but its owner enters a store', async () => {
  using workshop = openWorkshop(undefined, driver);
  workshop.put({
    'x/Layerfile': layerfile.replace('RUN ', 'RUN echo kept > /kept\nRUN cat /kept; '),
    'x/f': 'one\n',
  });
  await workshop.run();
  const [format = ''] = readdirSync(workshop.store).filter((name) => /^v\d+$/.test(name));
  const root = join(workshop.store, format);
  expect((statSync(root).mode & 0o777).toString(8)).toBe('700');
  for (const name of readdirSync(join(root, 'layers'))) rmSync(join(root, 'layers', name), { recursive: true });
  expect((await workshop.run()).runners.get('x')?.ran).toEqual([]);
  workshop.put({ 'x/f': 'two\n' });
  chmodSync(root, 0o777);
  const { runners } = await workshop.run();
  expect(runners.get('x')?.ran.map(({ title, output }) => `${title}: ${output}`)).toEqual([
    // What a COPY adds to a machine that is kept with its memory lies among what is gone.
    ...(driver === 'vm' ? ['COPY . /w: '] : []),
    'RUN echo kept > /kept: ',
    'RUN cat /kept; cat /w/f: kept\ntwo\n',
  ]);
  expect((statSync(root).mode & 0o777).toString(8)).toBe('700');
});

it('H35: a machine sees nothing of who starts it', async () => {
  using workshop = openWorkshop(undefined, driver);
  workshop.put({ 'x/Layerfile': 'FROM vm/debian:12\nRUN env | sort | grep -v -e JOB_ID -e EXPOSE; umask; id\n' });
  const first = await workshop.run();
  const second = await workshop.run({
    args: ['--no-cache'],
    env: { TZ: 'Asia/Tokyo', LANG: 'tr_TR.UTF-8', BASH_ENV: '/x', LD_PRELOAD: '' },
  });
  expect(second.runners.get('x')?.ran.at(-1)?.output).toBe(first.runners.get('x')?.ran.at(-1)?.output);
});
