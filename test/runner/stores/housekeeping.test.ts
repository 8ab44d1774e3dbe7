import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pressInstance, splitInstance } from '../../../src/runner/key.ts';
import type { InstanceId, StepKey } from '../../../src/runner/store.ts';
import { choosePruning, type Holdings, type Pruning } from '../../../src/runner/retention.ts';
import { formatVersion } from '../../../src/runner/stores/local/database.ts';
import { openLocalStore, type LocalStore } from '../../../src/runner/stores/local.ts';
import { scratch } from '../../support/scratch.ts';
import { aLayer, anInstance } from './contract.ts';

const user = { repository: 'here', root: '/here', scope: '', reads: [''] };
const everything = (holdings: Holdings): Pruning => choosePruning(holdings, { keepBytes: 0, usedBefore: null });
const stack = (directory: string) => ({
  stack: [{ kind: 'layer', directory, at: null } as const],
  mtimes: null,
});

async function kept(store: LocalStore, change: Parameters<typeof anInstance>[0] = {}) {
  const layer = await aLayer(store);
  const instance = anInstance({ key: `${Math.random()}`.padEnd(64, '0') as StepKey, ...change, data: stack(layer) });
  await store.insert(instance);
  return { instance, layer };
}

it('measures what snapshots hold, and takes away what is chosen but not that it ran', async () => {
  const directory = scratch();
  let gone = { instance: anInstance(), layer: '' };
  {
    await using store = openLocalStore(directory, user);
    gone = await kept(store);
    expect([...(await store.holdings()).bytes.values()]).toEqual([expect.any(Number)]);
  }
  await using store = openLocalStore(directory, user);
  const before = await store.holdings();
  expect(before.held).toMatchObject([{ kind: 'snapshot', repository: 'here', tier: 'newest', pin: null }]);
  await store.remove(everything(before).removal);
  expect(existsSync(gone.layer)).toBe(false);
  const [left] = await store.candidates(gone.instance.key);
  expect(left).toMatchObject({ data: null, notKept: 'layer prune removed it' });
  expect(await store.holdings()).toMatchObject({ held: [], rows: 1 });
});

it('measures and takes away what somebody has put in the place of its own', async () => {
  const directory = scratch({ 'stats/loop': { link: 'loop' }, 'stats/ab/file': 'x', blobs: { link: 'nowhere' } });
  await using store = openLocalStore(directory, user);
  await kept(store);
  symlinkSync('mirrors', join(directory, 'mirrors'));
  const holdings = await store.holdings();
  expect(holdings.sides.map(({ path }) => path)).toEqual(
    expect.arrayContaining(['blobs', 'stats/ab', 'stats/loop', `v${formatVersion}/layers`]),
  );
  await store.remove(everything(holdings).removal);
  expect(readdirSync(join(directory, 'stats'))).toEqual([]);
});

it('says which snapshots may hold a secret', async () => {
  await using store = openLocalStore(scratch(), user);
  await kept(store, { keyParts: [{ name: 'secrets', value: '' }] });
  const { instance } = await kept(store, { keyParts: [{ name: 'secrets', value: 'NPM_TOKEN TOKEN' }] });
  const { held } = await store.holdings();
  expect(held.filter((one) => one.tainted).map(({ id }) => id)).toEqual([instance.id]);
});

it('leaves alone what another process uses until that has ended', async () => {
  const directory = scratch();
  const { layer } = await (async () => {
    await using store = openLocalStore(directory, user);
    return await kept(store);
  })();
  const blobs = join(directory, 'blobs', 'ab');
  mkdirSync(blobs, { recursive: true });
  writeFileSync(join(blobs, 'cd'), 'x'.repeat(10_000));
  {
    await using _other = openLocalStore(directory, user);
    await using store = openLocalStore(directory, user);
    const holdings = await store.holdings();
    expect(holdings.others).toBe(1);
    expect((await store.remove(everything(holdings).removal)).left.map((one) => one.path)).toEqual(['blobs']);
    expect(existsSync(layer)).toBe(true);
    expect(existsSync(blobs)).toBe(true);
  }
  expect(existsSync(layer)).toBe(false);
  await using store = openLocalStore(directory, user);
  expect((await store.remove(everything(await store.holdings()).removal)).left).toEqual([]);
  expect(existsSync(join(directory, 'blobs'))).toBe(false);
});

it('keeps a pin, with all that came before it, from prune and from newer values, until it is let go', async () => {
  const directory = scratch();
  const key = 'p'.repeat(64) as StepKey;
  let layer = '';
  let id = '' as InstanceId;
  let parent = '' as InstanceId;
  {
    await using store = openLocalStore(directory, user);
    parent = (await kept(store, { usedAt: 1 })).instance.id;
    const pinned = await kept(store, { key, parent, usedAt: 1 });
    [layer, id] = [pinned.layer, pinned.instance.id];
    await store.pin({ id, name: 'release', trail: [parent] });
    for (let count = 0; count < 12; count += 1) await store.insert(anInstance({ key, parent, usedAt: 100 + count }));
  }
  await using store = openLocalStore(directory, user);
  const holdings = await store.holdings();
  expect(holdings.held.find((one) => one.id === id)).toMatchObject({ tier: 'pinned', pin: 'release' });
  const { removal } = choosePruning(holdings, { keepBytes: 0, usedBefore: 50 });
  await store.remove(removal);
  expect(existsSync(layer)).toBe(true);
  expect((await store.named(id))[0]?.data).not.toBeNull();
  expect(await store.named(parent)).toMatchObject([{ data: null }]);
  expect(await store.unpin('nothing')).toEqual([]);
  expect(await store.unpin('release')).toEqual(['release']);
  await store.remove(everything(await store.holdings()).removal);
  expect(existsSync(layer)).toBe(false);
});

it('sweeps up what a kill in the middle of a removal left', async () => {
  const directory = scratch();
  (await (async () => openLocalStore(directory, user))())[Symbol.asyncDispose]();
  const [format = ''] = readdirSync(directory).filter((name) => name.startsWith('v'));
  const trash = join(directory, format, 'layers', 'removed-0123456789abcdef');
  mkdirSync(join(trash, '0'), { recursive: true });
  await using store = openLocalStore(directory, user);
  await store.remove({ held: [], forgotten: [], sides: [] });
  await store.collect();
  await store[Symbol.asyncDispose]();
  expect(existsSync(trash)).toBe(false);
});

it('remembers how the last runs of a repository ended, each repository its own', async () => {
  const directory = scratch();
  const run = (job: number, change: object = {}) => ({
    ...({ job, attempt: 1, endedAt: 5, outcome: 'failed', unfinished: ['web/Layerfile'], failures: [] } as const),
    ...change,
  });
  {
    await using store = openLocalStore(directory, user);
    expect(await store.lastRun(null)).toBeNull();
    for (let job = 1; job <= 25; job += 1) await store.recordRun(run(job));
    await store.recordRun(run(24, { attempt: 2 }));
  }
  await using other = openLocalStore(directory, { ...user, repository: 'elsewhere' });
  expect(await other.lastRun(null)).toBeNull();
  await using store = openLocalStore(directory, user);
  expect(await store.lastRun(null)).toMatchObject({ job: 24, attempt: 2 });
  expect(await store.lastRun(25)).toMatchObject({ job: 25, attempt: 1 });
  expect(await store.lastRun(1)).toBeNull();
  expect((await store.holdings()).roots.get('here')).toBe('/here');
});

it('counts what virtual machines begin from, and spares what a snapshot stands on', async () => {
  const directory = scratch();
  const guests = join(directory, 'bases/guests');
  const digest = (letter: string): string => letter.repeat(64);
  const write = (path: string, text: string): void => {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  };
  const record = (parent: string | null, disk: string): string =>
    `{"sha256":"","record":\n${JSON.stringify({ parent, identity: { disk, initramfs: digest('i') } })}\n}\n`;
  for (const [name, disk] of [
    ['a', digest('1')],
    ['b', digest('2')],
  ] as const) {
    write(join(guests, `booted/kind/${digest(name)}/machine.json`), record(null, disk));
    write(join(guests, `disks/${name}.qcow2`), 'x'.repeat(10_000));
    write(join(guests, `disks/.${name}.qcow2.digest`), `facts\n${disk}\n`);
  }
  await using store = openLocalStore(directory, user);
  const { layer } = await kept(store);
  const roughly = await store.roughBytes();
  write(join(layer, 'machine.json'), record(digest('a'), digest('1')));
  const guestsOf = (holdings: Holdings): readonly string[] =>
    holdings.sides.flatMap(({ kind, path, spare }) => (kind === 'guest' ? [`${path} ${spare}`] : []));
  const before = await store.holdings();
  expect(guestsOf(before)).toEqual([
    `bases/guests/booted/kind/${digest('a')} false`,
    `bases/guests/booted/kind/${digest('b')} true`,
    'bases/guests/disks/a.qcow2 false',
    'bases/guests/disks/b.qcow2 true',
  ]);
  write(join(guests, 'disks/more'), 'x'.repeat(100_000));
  expect(await store.roughBytes()).toBeGreaterThanOrEqual(roughly + 100_000);
  await store.remove(choosePruning(before, { keepBytes: null, usedBefore: Date.now() + 1000 }).removal);
  expect(existsSync(join(guests, 'disks/a.qcow2'))).toBe(true);
  expect(existsSync(join(guests, 'disks/b.qcow2'))).toBe(false);
});

it('keeps of what followed a press only the last, and all that a run under way may still want', async () => {
  const directory = scratch();
  const before = 'a'.repeat(32) as InstanceId;
  const titles = async (): Promise<readonly (string | null)[]> => {
    await using store = openLocalStore(directory, user);
    return (await store.holdings()).held.map((one) => one.id).sort();
  };
  const press = async (run: string): Promise<readonly string[]> => {
    await using store = openLocalStore(directory, user);
    const pressed = pressInstance(before, run);
    const createdAt = Date.now();
    const first = await kept(store, {
      id: `${run}1`.padStart(32, '0') as InstanceId,
      parent: pressed,
      createdAt,
      title: 'RUN deploy',
    });
    const next = await kept(store, {
      id: `${run}2`.padStart(32, '0') as InstanceId,
      parent: first.instance.id,
      createdAt,
    });
    const copy = splitInstance(pressed, { count: 2, index: 0 });
    const split = await kept(store, {
      id: `${run}3`.padStart(32, '0') as InstanceId,
      parent: copy,
      createdAt,
      title: 'RUN test',
    });
    return [first, next, split].map(({ instance }) => instance.id).sort();
  };
  const one = await press('1');
  expect(await titles()).toEqual(one);
  const other = openLocalStore(directory, user);
  const two = await press('2');
  const three = await press('3');
  expect(await titles()).toEqual([...two, ...three].sort());
  await other[Symbol.asyncDispose]();
  expect(await titles()).toEqual(three);
  expect(readdirSync(join(directory, `v${formatVersion}/layers`))).toHaveLength(3);
});

it('counts nothing as unused that only leads to what is used', async () => {
  const directory = scratch();
  {
    await using store = openLocalStore(directory, user);
    for (let count = 0; count < 5; count++) await kept(store);
  }
  await using store = openLocalStore(directory, user);
  expect((await store.holdings()).sides.find(({ kind }) => kind === 'unused')?.bytes).toBe(0);
});
