import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FakeWorld } from './support/fake-world.ts';

const usable = { unusable: () => null };
const server = {
  Layerfile:
    'FROM vm/debian:12\nRUN BACKGROUND wait 1000000\nRUN wait 5 && write /rows 1000\nCOPY test /app/\nRUN cat /rows && cat /app/test\n',
  test: 'one',
};

test('what runs in the background goes on in a restored machine, and is not started again', async () => {
  const world = new FakeWorld(server);
  const first = await world.run({ memory: usable });
  expect(first).toMatchObject({ outcome: 'passed' });
  expect(first.ran[0]).toContain('wait 1000000');
  world.edit({ test: 'another' });
  const second = await world.run({ memory: usable });
  expect(second.ran).toEqual(['cat /rows && cat /app/test']);
  expect(second.output).toMatch(/^1000\n/);
  expect(second.events.filter((one) => one.kind === 'note')).toEqual([]);
});

test('a state that cannot be used is a miss that says why, and an earlier one is taken', async () => {
  const world = new FakeWorld({
    Layerfile: 'FROM vm/debian:12\nRUN wait 5 && write /a 1\nRUN wait 5 && write /b 2\nCOPY f /app/\nRUN cat /app/f\n',
    f: 'x',
  });
  const first = await world.run({ memory: usable });
  expect(first.outcome).toBe('passed');
  world.edit({ f: 'y' });
  const damaged = {
    unusable: (directory: string) =>
      readFileSync(join(directory, 'files.json'), 'utf8').includes('/b') ? 'its memory is damaged' : null,
  };
  const second = await world.run({ memory: damaged });
  expect(second).toMatchObject({ outcome: 'passed' });
  expect(second.reasons).toContain(
    'Layerfile RUN wait 5 && write /b 2: an earlier snapshot cannot be used: its memory is damaged',
  );
  expect(second.ran).toEqual(['wait 5 && write /b 2', 'cat /app/f']);
});

test('where none can be used, all runs from the bare machine', async () => {
  const world = new FakeWorld(server);
  await world.run({ memory: usable });
  world.edit({ test: 'another' });
  const again = await world.run({ memory: { unusable: () => 'it was saved by QEMU 9.9.9' } });
  expect(again.outcome).toBe('passed');
  expect(again.ran).toHaveLength(3);
  expect(again.reasons[0]).toContain('it was saved by QEMU 9.9.9');
});

test('a state is kept at the end also where the last step did nothing to the machine', async () => {
  const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nRUN write /a 1\nENV A=b\n' });
  await world.run({ memory: usable });
  const layers = join(world.directory, 'store');
  const found = readdirSync(layers, { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('/up'));
  expect(found.map((one) => statSync(join(layers, one)).size)).toEqual([1]);
});
