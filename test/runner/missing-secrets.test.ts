import { expect, test } from 'vitest';
import { FakeWorld } from './support/fake-world.ts';

const world = () =>
  new FakeWorld({
    Layerfile: 'FROM vm/debian:12\nRUN true\n',
    'a/Layerfile': 'FROM vm/debian:12\nRUN true\nSECRET ENV ONE TWO\nRUN true\n',
    'b/Layerfile': 'FROM ../a\nSECRET ENV THREE ONE\nRUN true\n',
    'c/Layerfile': 'FROM vm/debian:12\nWAIT /b\nSECRET ENV FOUR\nRUN true\n',
  });

test('all secrets that are missing are named at once, before any machine starts', async () => {
  const { outcome, events, ran, most } = await world().run({ secrets: { TWO: 'given' } });
  expect({ outcome, ran, most }).toEqual({ outcome: 'broken', ran: [], most: 0 });
  const said = events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
  expect(said).toEqual(['a/Layerfile:3: give ONE', 'b/Layerfile:2: give THREE', 'c/Layerfile:3: give FOUR']);
});

test('a run in which nothing has to run asks for none', async () => {
  const files = { Layerfile: 'FROM vm/debian:12\nRUN true\nSECRET ENV ONE\n' };
  const one = new FakeWorld(files);
  expect((await one.run({ secrets: { ONE: 'given' } })).outcome).toBe('passed');
  expect((await one.run()).outcome).toBe('passed');
});
