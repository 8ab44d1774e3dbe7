import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GuestPath } from '../../../src/host.ts';
import { initialState } from '../../../src/runner/state.ts';
import type { Instance, InstanceId, StepKey, TraceStore } from '../../../src/runner/store.ts';
import type { Observation } from '../../../src/runner/view/view.ts';

let count = 0;

/** An instance with fresh id; `change` says what is particular about it. */
export function anInstance(change: Partial<Instance> = {}): Instance {
  count += 1;
  return {
    id: count.toString(16).padStart(32, '0') as InstanceId,
    parent: 'a'.repeat(64) as InstanceId,
    key: 'f'.repeat(64) as StepKey,
    first: false,
    keyParts: [{ name: 'instruction', value: '"RUN make"' }],
    title: 'RUN make',
    layer: 'web',
    observations: [],
    state: initialState,
    view: null,
    exitCode: 0,
    outputTail: '',
    durationMs: 12,
    createdAt: 1000 + count,
    usedAt: 1000 + count,
    data: null,
    notKept: null,
    ...change,
  };
}

/** A directory of the store with a file in it, as a machine leaves it. */
export async function aLayer(store: TraceStore): Promise<string> {
  const directory = join(await store.directory(), 'layers', '1');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'file'), 'content');
  return directory;
}

const onLayer = (directory: string): Instance['data'] => ({
  stack: [{ kind: 'layer', directory, at: null }],
  mtimes: null,
});

const ids = (instances: readonly Instance[]): readonly string[] => instances.map((one) => one.id);

/** A place for one store. */
export interface StorePlace extends AsyncDisposable {
  /** Opens the same store each time: a second one is another process's look at it. */
  open(): Promise<TraceStore>;
}

/** What every trace store holds to. */
export function describeStore(name: string, make: () => Promise<StorePlace>): void {
  const key = 'f'.repeat(64) as StepKey;

  describe(`${name} store`, () => {
    it('gives back what was put in', async () => {
      await using place = await make();
      const open = () => place.open();
      const observations: readonly Observation[] = [
        { view: 0, path: '/app/a' as GuestPath, kind: 'content', fingerprint: 'f1' },
        { view: 0, path: '/app/a.local' as GuestPath, kind: 'absent', fingerprint: '' },
        { view: 0, path: '/app/no\udc80utf8\n' as GuestPath, kind: 'entry', fingerprint: 'file 0664 0:0' },
        { view: 1, path: '/app' as GuestPath, kind: 'listing', fingerprint: 'f2' },
      ];
      await using store = await open();
      const layer = await aLayer(store);
      const instance = anInstance({ observations, data: onLayer(layer), outputTail: 'ok\n', notKept: null });
      expect(await store.insert(instance)).toEqual({ stored: true });
      await using reopened = await open();
      expect(await reopened.candidates(key)).toEqual([instance]);
    });

    it('gives back the memory of machines, with all that it stands on', async () => {
      await using place = await make();
      await using store = await place.open();
      const [below, above] = [await aLayer(store), await aLayer(store)];
      const stack = [below, above].map((directory) => ({ kind: 'machine', directory }) as const);
      const instance = anInstance({ data: { stack, mtimes: null } });
      await store.insert(instance);
      await store.collect();
      await using reopened = await place.open();
      expect(await reopened.candidates(key)).toEqual([instance]);
      rmSync(below, { recursive: true });
      expect(await reopened.candidates(key)).toMatchObject([{ data: null }]);
    });

    it('offers several values of a key, newest first', async () => {
      await using place = await make();
      await using store = await place.open();
      const [one, two] = [anInstance(), anInstance()];
      await store.insert(one);
      await store.insert(two);
      expect(ids(await store.candidates(key))).toEqual([two.id, one.id]);
      expect(await store.candidates('other' as StepKey)).toEqual([]);
    });

    it('never offers a retired value again, in no process', async () => {
      await using place = await make();
      const open = () => place.open();
      await using store = await open();
      const [one, two] = [anInstance(), anInstance()];
      await store.insert(one);
      await store.insert(two);
      await store.retire([two.id]);
      await using reopened = await open();
      expect(ids(await reopened.candidates(key))).toEqual([one.id]);
    });

    it('keeps the values of a key that were used last', async () => {
      await using place = await make();
      await using store = await place.open();
      const first = anInstance();
      await store.insert(first);
      for (let more = 0; more < 30; more += 1) {
        await store.insert(anInstance());
        await new Promise((resolve) => setTimeout(resolve, 2));
        await store.touch([first.id]);
      }
      const kept = ids(await store.candidates(key));
      expect(kept.length).toBeLessThan(30);
      expect(kept).toContain(first.id);
    });

    it('tells what else a parent led to', async () => {
      await using place = await make();
      await using store = await place.open();
      const other = anInstance({ keyParts: [{ name: 'instruction', value: '"RUN make all"' }] });
      await store.insert(other);
      expect(await store.siblings(other.parent, 'web')).toEqual([{ title: other.title, keyParts: other.keyParts }]);
      expect(await store.siblings(other.parent, 'api')).toEqual([]);
      expect(await store.siblings(null, 'web')).toEqual([]);
      await store.insert(anInstance({ first: true, parent: 'b'.repeat(64) as InstanceId }));
      expect(await store.siblings(null, 'web')).toHaveLength(1);
    });

    it('says so where the files of a snapshot are gone', async () => {
      await using place = await make();
      await using store = await place.open();
      const instance = anInstance({ data: onLayer('/nonexistent/layers/1') });
      await store.insert(instance);
      const [found] = await store.candidates(key);
      expect(found).toMatchObject({ data: null, notKept: 'its files are gone from the store' });
    });

    it('deletes what nothing refers to, and nothing else', async () => {
      await using place = await make();
      const open = () => place.open();
      let used = '';
      let unused = '';
      {
        await using store = await open();
        used = await aLayer(store);
        unused = await aLayer(store);
        await store.insert(anInstance({ data: onLayer(used) }));
        expect(await store.collect()).toEqual({ directories: 0 });
        expect(existsSync(unused)).toBe(true);
      }
      await using store = await open();
      await store.collect();
      expect([existsSync(used), existsSync(unused)]).toEqual([true, false]);
    });

    it('keeps what another process may be using', async () => {
      await using place = await make();
      const open = () => place.open();
      await using reader = await open();
      const layer = await aLayer(reader);
      const instance = anInstance({ data: onLayer(layer) });
      await reader.insert(instance);
      await using writer = await open();
      const [loaded] = await writer.candidates(key);
      expect(loaded?.data).not.toBe(null);
      await reader.retire([instance.id]);
      await reader.collect();
      expect(existsSync(layer)).toBe(true);
    });

    it('gives each scope its own newest volume, and knows what stems from what', async () => {
      await using place = await make();
      await using store = await place.open();
      const path = '/root/.cache' as GuestPath;
      const volume = (id: string, parent: string | null, directory: string) => ({
        id,
        parent,
        path,
        directory,
        at: path,
        mtimes: { repository: { a: [id, '1'] as const } },
        ...{ createdAt: id === 'v1' ? 1000 : 2000, tainted: id === 'v1' },
      });
      const [one, two] = [volume('v1', null, await aLayer(store)), volume('v2', 'v1', await aLayer(store))];
      expect(await store.volume('main', path)).toBe(null);
      await store.publishVolume('main', one);
      await store.publishVolume('main', two);
      expect(await store.volume('main', path)).toEqual(two);
      expect(await store.newestVolumes('main')).toEqual([two]);
      expect(await store.volume('branch', path)).toBe(null);
      expect(await store.volumeOf(one.directory)).toEqual(one);
      expect([await store.descends('v2', 'v1'), await store.descends('v1', 'v2')]).toEqual([true, false]);
    });

    it('counts jobs', async () => {
      await using place = await make();
      const open = () => place.open();
      await using store = await open();
      const first = await store.nextJob();
      await using reopened = await open();
      expect(await reopened.nextJob()).toBe(first + 1);
    });

    it('has one secret of its own', async () => {
      await using place = await make();
      const open = () => place.open();
      await using store = await open();
      await using reopened = await open();
      await using elsewhere = await make();
      await using other = await elsewhere.open();
      expect(store.hmacKey).toMatch(/^[0-9a-f]{64}$/);
      expect(reopened.hmacKey).toBe(store.hmacKey);
      expect(other.hmacKey).not.toBe(store.hmacKey);
    });

    it('syncs', async () => {
      await using place = await make();
      await using store = await place.open();
      await store.insert(anInstance());
      await store.sync();
      expect(await store.candidates(key)).toHaveLength(1);
    });
  });
}
