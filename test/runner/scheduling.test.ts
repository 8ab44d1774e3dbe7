import { describe, expect, test } from 'vitest';
import type { Event } from '../../src/runner/events.ts';
import { FakeWorld } from './support/fake-world.ts';

const outcomes = (events: readonly Event[]): Record<string, string> =>
  Object.fromEntries(
    events.flatMap((event) => (event.kind === 'runnerEnded' ? [[event.runner.label, event.outcome.kind]] : [])),
  );

describe('whoever waits', () => {
  const files = {
    Layerfile: 'FROM vm/debian:12\nRUN wait 0\nWAIT web\nRUN true\n',
    'web/Layerfile': 'FROM vm/debian:12\nCOPY code .\nRUN wait 30 && exit 0\n',
    'web/code': '',
  };

  test('goes on when it has succeeded, also where one machine only may be up', async () => {
    const world = new FakeWorld(files);
    for (const jobs of [1, 2]) {
      const { ran, outcome } = await world.run({ jobs, repository: `${jobs}` });
      expect(outcome).toBe('passed');
      expect(ran.indexOf('true')).toBeGreaterThan(ran.indexOf('wait 30 && exit 0'));
    }
  });

  test('is cancelled where it has failed, and is not skipped', async () => {
    const world = new FakeWorld(files);
    await world.run();
    world.edit({ 'web/Layerfile': 'FROM vm/debian:12\nCOPY code .\nRUN exit 4\n' });
    const { outcome, events } = await world.run();
    expect(outcome).toBe('failed');
    expect(outcomes(events)).toEqual({ web: 'failed', Layerfile: 'cancelled' });
  });
});

describe('a failure', () => {
  const files = {
    'a/Layerfile': 'FROM vm/debian:12\nRUN wait 20 && exit 1\n',
    'b/Layerfile': 'FROM vm/debian:12\nRUN wait 2000\nRUN true\n',
    'c/Layerfile': 'FROM ../a\nRUN true\n',
  };

  test('stops the others', async () => {
    const { outcome, events, ran } = await new FakeWorld(files).run();
    expect(outcomes(events)).toEqual({ a: 'failed', b: 'cancelled', c: 'cancelled' });
    expect(outcome).toBe('failed');
    expect(ran).not.toContain('true');
  });

  test('stops only those that need it, with --keep-going', async () => {
    const quick = { ...files, 'b/Layerfile': 'FROM vm/debian:12\nRUN wait 60\nRUN true\n' };
    const { outcome, events } = await new FakeWorld(quick).run({ keepGoing: true });
    expect(outcomes(events)).toEqual({ a: 'failed', b: 'succeeded', c: 'cancelled' });
    expect(outcome).toBe('failed');
  });
});

describe('children', () => {
  test('start where their parent ended, and share it', async () => {
    const world = new FakeWorld({
      Layerfile: 'FROM vm/debian:12\nRUN write /tool 1\n',
      'a/Layerfile': 'FROM /\nRUN cat /tool\n',
      'b/Layerfile': 'FROM /\nRUN cat /tool && true\n',
    });
    expect(await world.run()).toMatchObject({ outcome: 'passed', output: '1\n1\n' });
    expect((await world.run()).ran).toEqual([]);
    world.edit({ Layerfile: 'FROM vm/debian:12\nRUN write /tool 2\n' });
    const { ran, output } = await world.run();
    expect(ran).toHaveLength(3);
    expect(output).toBe('2\n2\n');
  });

  test('with more MEMORY build the parent for themselves', async () => {
    const world = new FakeWorld({
      Layerfile: 'FROM vm/debian:12\nRUN write /tool 1\n',
      'a/Layerfile': 'FROM /\nMEMORY 2G\nRUN cat /tool\n',
    });
    expect((await world.run()).ran).toEqual(['write /tool 1', 'write /tool 1', 'cat /tool']);
    expect((await world.run()).ran).toEqual([]);
  });

  test('whose parent left processes running take its steps again', async () => {
    const world = new FakeWorld({
      Layerfile: 'FROM vm/debian:12\nRUN write /tool 1 && leave\n',
      'a/Layerfile': 'FROM /\nRUN cat /tool\n',
    });
    expect((await world.run()).ran).toEqual(['write /tool 1 && leave', 'write /tool 1 && leave', 'cat /tool']);
    expect((await world.run()).ran).toEqual([]);
  });
});

test('two runs at once share a store', async () => {
  const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nRUN write /made 1 && wait 30\nRUN cat /made\n' });
  const runs = await Promise.all([world.run(), world.run()]);
  expect(runs.map((one) => one.outcome)).toEqual(['passed', 'passed']);
  expect((await world.run()).ran).toEqual([]);
});

test('a bug in the runner is thrown, and no machine is left', async () => {
  const world = new FakeWorld({ Layerfile: 'FROM vm/debian:12\nRUN dance\n' });
  await expect(world.run()).rejects.toThrow('cannot dance');
});
