import { describe, expect, test } from 'vitest';
import type { Chain } from '../../src/runner/chain.ts';
import { createSharing } from '../../src/runner/sharing.ts';
import type { StepKey } from '../../src/runner/store.ts';
import { FakeWorld } from './support/fake-world.ts';

const begin = 'FROM vm/debian:12\nCOPY / /app\nRUN write /tool 1 && cat /app/one\n';
const shared = 'write /tool 1 && cat /app/one';
const own = (file: string) => `cat /tool && cat /app/${file}`;
const alike = {
  'a/Layerfile': `${begin}RUN ${own('one')}\n`,
  'b/Layerfile': `${begin}RUN ${own('two')}\n`,
  'c/Layerfile': `${begin}RUN ${own('three')}\n`,
  one: '1',
  two: '2',
  three: '3',
};

const everything = (_chain: Chain) => ({ from: 0, reason: 'forced' });
const lastStep = (chain: Chain) => ({ from: chain.steps.length - 1, reason: 'forced' });

describe('Layerfiles that begin alike', () => {
  test.each([1, 2, 3])(
    'have their first steps done once, %i at a time, and are skipped whole the next time',
    async (jobs) => {
      const world = new FakeWorld(alike);
      const first = await world.run({ jobs });
      expect(first.outcome).toBe('passed');
      expect([...first.ran].sort()).toEqual([own('one'), own('three'), own('two'), shared]);
      expect(await world.run({ jobs })).toMatchObject({ ran: [], outcome: 'passed' });
      world.edit({ two: 'edited' });
      expect((await world.run({ jobs })).ran).toEqual([own('two')]);
    },
  );

  test('also where all is forced', async () => {
    const world = new FakeWorld(alike);
    await world.run();
    const forced = await world.run({ forced: everything });
    expect([...forced.ran].sort()).toEqual([own('one'), own('three'), own('two'), shared]);
    expect((await world.run()).ran).toEqual([]);
  });

  test('do without the one that fails', async () => {
    const world = new FakeWorld({ ...alike, 'a/Layerfile': `${begin}RUN exit 1\n` });
    const ran = await world.run({ keepGoing: true });
    expect(ran.outcome).toBe('failed');
    expect([...ran.ran].sort()).toEqual([own('three'), own('two'), 'exit 1', shared]);
    const again = await world.run({ keepGoing: true });
    expect(again.ran).toEqual(['exit 1']);
  });

  test('try a step each, where it fails', async () => {
    const failing = `${begin}RUN exit 1\n`;
    const world = new FakeWorld({ ...alike, 'a/Layerfile': failing, 'b/Layerfile': failing });
    const { ran } = await world.run({ keepGoing: true });
    expect([...ran].sort()).toEqual([own('three'), 'exit 1', 'exit 1', shared]);
  });
});

describe('where several results of one step hold', () => {
  /** Two runs at the same time know nothing of each other. */
  const twice = async (files: Record<string, string>): Promise<FakeWorld> => {
    const world = new FakeWorld(files);
    const meet = Promise.withResolvers<void>();
    let waiting = 0;
    const before = async (): Promise<void> => {
      waiting += 1;
      if (waiting === 2) meet.resolve();
      await meet.promise;
    };
    const runs = await Promise.all([world.run({ before, jobs: 1 }), world.run({ before, jobs: 1 })]);
    for (const one of runs) expect(one.outcome).toBe('passed');
    expect(runs[0].ran).toEqual(runs[1].ran);
    return world;
  };
  const chain = {
    Layerfile: 'FROM vm/debian:12\nCOPY . /app\nRUN write /tool 1\nRUN cat /app/one\nRUN cat /app/two\n',
    'child/Layerfile': 'FROM /\nRUN cat /tool\n',
    one: '1',
    two: '2',
  };

  test('all is skipped', async () => {
    const world = await twice(chain);
    expect((await world.run()).ran).toEqual([]);
  });

  test('the one that leads farther is taken, though it is older', async () => {
    const world = await twice(chain);
    // Only one of the two trails gets the last step anew.
    world.edit({ two: 'edited' });
    expect((await world.run()).ran).toEqual(['cat /app/two', 'cat /tool']);
    world.edit({ Layerfile: chain.Layerfile.replace('/app/two', '/app/one && true') });
    await world.run();
    world.edit({ Layerfile: chain.Layerfile });
    expect((await world.run()).ran).toEqual([]);
    const survey = await world.survey();
    expect(survey.flatMap((one) => one.steps.filter(({ verdict }) => verdict.kind === 'run'))).toEqual([]);
  });

  test('a forced step falls back to none of them, though it was stopped', async () => {
    const world = await twice({ ...chain, 'child/Layerfile': 'FROM vm/debian:12\nRUN true\n' });
    const stop = new AbortController();
    const before = (command: string): void => {
      if (command === 'cat /app/two') stop.abort();
    };
    expect((await world.run({ forced: lastStep, before, signal: stop.signal, jobs: 1 })).outcome).toBe('interrupted');
    expect((await world.run({ jobs: 1 })).ran).toContain('cat /app/two');
    expect((await world.run()).ran).toEqual([]);
  });
});

describe('claims', () => {
  const [one, two] = ['one', 'two'] as unknown as readonly [StepKey, StepKey];

  test('end where the next begins, and with the runner', async () => {
    const sharing = createSharing();
    const claims = sharing.claims();
    claims.take(one);
    const first = sharing.underWay(one);
    claims.take(one);
    expect(sharing.underWay(one)).toBe(first);
    claims.take(two);
    await first;
    expect(sharing.underWay(one)).toBeNull();
    const second = sharing.underWay(two);
    claims.release();
    claims.release();
    await second;
    expect(sharing.underWay(two)).toBeNull();
  });

  test('of another runner are left alone', () => {
    const sharing = createSharing();
    const mine = sharing.claims();
    const other = sharing.claims();
    other.take(one);
    mine.take(one);
    mine.release();
    expect(sharing.underWay(one)).not.toBeNull();
  });
});
