import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GuestPath } from '../../../src/host.ts';
import type { StackEntry } from '../../../src/runner/driver.ts';
import { scopeText, type Scope } from '../../../src/runner/remote.ts';
import { initialState } from '../../../src/runner/state.ts';
import type { Instance, InstanceId, StepKey, Volume } from '../../../src/runner/store.ts';
import { openLocalStore } from '../../../src/runner/stores/local.ts';
import { openSharedStore, type SharedStore } from '../../../src/runner/stores/shared.ts';
import type { Observation } from '../../../src/runner/view/view.ts';
import { scratch } from '../../support/scratch.ts';
import { anInstance } from './contract.ts';
import { main, topic } from './remote-contract.ts';
import type { RemoteService } from './services.ts';

const { signal } = new AbortController();
const key = 'f'.repeat(64) as StepKey;
const path = '/root/.cache' as GuestPath;
const pull: Scope = { ...main, ref: 'refs/pull/7/merge', trust: 'fork' };

/** A machine's store behind which a service is; a directory that is not given is fresh: another machine. */
export interface Machine extends AsyncDisposable {
  readonly store: SharedStore;
  readonly directory: string;
  readonly warnings: readonly string[];
}

export async function machine(
  service: Pick<RemoteService, 'open'>,
  {
    scopes = [main],
    writes = scopes[0] ?? null,
    directory = scratch(),
    key: storeKey = null,
  }: {
    readonly scopes?: readonly Scope[];
    readonly writes?: Scope | null;
    readonly directory?: string;
    readonly key?: string | null;
  } = {},
): Promise<Machine> {
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const [own = ''] = scopes.map(scopeText);
  const user = { repository: main.repository, root: directory, scope: own, reads: scopes.map(scopeText), warn };
  const store = await openSharedStore({
    local: openLocalStore(directory, user),
    remote: service.open(scopes),
    access: { reads: scopes, writes },
    directory: join(directory, 'shared'),
    ...{ key: storeKey, warn, signal },
  });
  return { store, directory, warnings, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

/** A layer with a file; the same text makes the same archive. */
async function layer(store: SharedStore, text: string): Promise<string> {
  const directory = join(await store.directory(), '1');
  mkdirSync(directory);
  writeFileSync(join(directory, 'file'), text);
  for (const one of [join(directory, 'file'), directory]) utimesSync(one, 1, 1);
  return directory;
}

const on = (...directories: readonly string[]): Instance['data'] => ({
  stack: directories.map((directory): StackEntry => ({ kind: 'layer', directory, at: null })),
  mtimes: null,
});

/** Worth any transfer. */
const dear = { durationMs: 3_600_000 };

/** What the files of a snapshot hold, once they are here. */
async function contents({ store }: Machine, { data }: Instance): Promise<readonly string[] | string> {
  if (data === null) return 'nothing was kept';
  const why = await store.load(data, signal);
  if (why !== null) return why;
  return data.stack.flatMap((entry) =>
    entry.kind === 'view' ? [] : [readFileSync(join(entry.directory, 'file'), 'utf8')],
  );
}

const send = async ({ store }: Machine) => {
  const sent = await store.writeBack(signal);
  if (sent === null) throw new Error('nothing was sent');
  return sent;
};

/** What holds for a store in front of any remote one: `make` starts a service that is empty. */
export function describeShared(name: string, make: () => Promise<RemoteService>): void {
  describe(`a store before ${name}`, () => {
    it('brings what one machine made to another, whole; a chain shares its layers', async () => {
      await using service = await make();
      const observations: readonly Observation[] = [
        { view: 0, path: '/app/a' as GuestPath, kind: 'content', fingerprint: 'f1' },
        { view: 0, path: '/app/no\udc80utf8\n' as GuestPath, kind: 'entry', fingerprint: 'file 0664 0:0' },
      ];
      const state = { ...initialState, env: { A: ['x', { secret: 'B' }] } };
      const first = anInstance({ ...dear, observations, state, first: true });
      const second = anInstance({ ...dear, parent: first.id });
      {
        await using here = await machine(service);
        const [one, two] = [await layer(here.store, 'one'), await layer(here.store, 'two')];
        await here.store.insert({ ...first, data: on(one) });
        expect((await send(here)).instances).toBe(1);
        await here.store.insert({ ...second, data: on(one, two) });
        await send(here);
        expect(service.digests()).toHaveLength(2);
        expect(here.warnings).toEqual([]);
      }
      await using there = await machine(service);
      const found = await there.store.candidates(key);
      expect(found.map((one) => one.id)).toEqual([second.id, first.id]);
      expect({ ...found[1], data: null, usedAt: 0 }).toEqual({ ...first, data: null, usedAt: 0 });
      expect(await contents(there, found[0] as Instance)).toEqual(['one', 'two']);
      await there.store.touch([second.id]);
      // It sends nothing that it brought.
      expect(await send(there)).toMatchObject({ instances: 0, bytes: 0 });
    });

    it('keeps scopes apart: what one writes only those above it never see', async () => {
      await using service = await make();
      for (const [scopes, one] of [
        [[main], anInstance()],
        [[topic, main], anInstance()],
        [[pull, main], anInstance()],
      ] as const) {
        await using here = await machine(service, { scopes });
        await here.store.insert(one);
        await send(here);
      }
      const seen = async (...scopes: readonly Scope[]) => {
        await using there = await machine(service, { scopes });
        return (await there.store.candidates(key)).length;
      };
      expect([await seen(main), await seen(topic, main), await seen(pull, main)]).toEqual([1, 2, 2]);
      // The same ref, written by the repository's own people, is another scope.
      expect(await seen({ ...pull, trust: 'own' }, main)).toBe(1);
    });

    it('leaves here what a secret could be in, with all that follows, and the memory of machines', async () => {
      await using service = await make();
      const tainted = { keyParts: [{ name: 'secrets', value: 'TOKEN' }] };
      const ids: InstanceId[] = [];
      {
        await using here = await machine(service);
        const memory = async (text: string): Promise<Instance['data']> => ({
          stack: [{ kind: 'machine', directory: await layer(here.store, text) }],
          mtimes: null,
        });
        const clean = anInstance({ ...dear, data: await memory('kept') });
        const files = anInstance({ ...dear, parent: clean.id, data: on(await layer(here.store, 'files')) });
        const dirty = anInstance({ ...dear, ...tainted, parent: files.id, data: await memory('canary') });
        const child = anInstance({ ...dear, parent: dirty.id, data: on(await layer(here.store, 'canary too')) });
        for (const one of [clean, files, dirty, child]) await here.store.insert(one);
        ids.push(files.id, clean.id);
        expect(await send(here)).toMatchObject({ instances: 2, tainted: 2 });
        expect(service.digests()).toHaveLength(1);
      }
      await using there = await machine(service);
      const found = await there.store.candidates(key);
      expect(found.map((one) => one.id)).toEqual(ids);
      expect(await contents(there, found[0] as Instance)).toEqual(['files']);
      expect(found[1]?.notKept).toBe('the memory of a machine stays on the host that saved it');
    });

    it('carries CACHE volumes: the newest, and those that snapshots stand on', async () => {
      await using service = await make();
      const own = scopeText(main);
      const volume = (id: string, parent: string | null, change: Partial<Volume>): Volume => ({
        ...{ id, parent, path, directory: '', at: path, mtimes: { repository: { a: [id, '1'] } } },
        ...{ createdAt: Number(id.slice(1)), tainted: false },
        ...change,
      });
      const cached = { ...dear, state: { ...initialState, caches: [path] } };
      const makeOn = async ({ store }: Machine, { directory }: Volume, change: Partial<Instance> = {}) => {
        const data = { stack: [{ kind: 'layer', directory, at: path } as const], mtimes: null };
        await store.insert(anInstance({ ...cached, data, ...change }));
      };
      const first = volume('v1', null, {});
      {
        await using here = await machine(service);
        const directory = await layer(here.store, 'v1');
        await here.store.publishVolume(own, { ...first, directory });
        await makeOn(here, { ...first, directory });
        await send(here);
        await here.store.publishVolume(own, volume('v2', 'v1', { directory: await layer(here.store, 'v2') }));
        await makeOn(here, { ...first, directory });
        expect(here.warnings).toEqual([]);
        await send(here);
      }
      {
        await using there = await machine(service, { scopes: [topic, main] });
        const newest = await there.store.volume(own, path);
        expect(newest).toMatchObject({ id: 'v2', mtimes: { repository: { a: ['v2', '1'] } }, tainted: false });
        expect(readFileSync(join(newest?.directory ?? '', 'file'), 'utf8')).toBe('v2');
        expect(await there.store.volume(scopeText(topic), path)).toBe(null);
        const [found] = await there.store.candidates(key);
        expect(await contents(there, found as Instance)).toEqual(['v1']);
        const under = found?.data?.stack[0];
        const old = await there.store.volumeOf(under?.kind === 'layer' ? under.directory : '');
        expect(old?.id).toBe('v1');
        expect(await there.store.descends('v2', 'v1')).toBe(true);
        expect(await there.store.descends('v1', 'v2')).toBe(false);
        // What a topic saves is its own, and what a secret could be in stays.
        const directory = await layer(there.store, 'canary');
        const third = volume('v3', 'v2', { directory, tainted: true });
        await there.store.publishVolume(scopeText(topic), third);
        await makeOn(there, third);
        expect(await send(there)).toMatchObject({ instances: 0, tainted: 1 });
      }
      await using last = await machine(service, { scopes: [topic, main] });
      expect(await last.store.volume(scopeText(topic), path)).toBe(null);
      expect((await last.store.newestVolumes(own)).map((one) => one.id)).toEqual(['v2']);
      expect(await last.store.candidates(key)).toHaveLength(2);
    });

    it('does without what is lost or damaged there, and sends it again when it is made again', async () => {
      await using service = await make();
      const [first, second] = [anInstance(dear), anInstance(dear)];
      {
        await using here = await machine(service);
        await here.store.insert({ ...first, data: on(await layer(here.store, 'one')) });
        await send(here);
      }
      const [lost = ''] = service.digests();
      service.lose(lost);
      {
        await using there = await machine(service);
        const [found] = await there.store.candidates(key);
        expect(await contents(there, found as Instance)).toContain('it is not in');
        expect(await there.store.candidates(key)).toMatchObject([{ data: null, notKept: 'its files cannot be had' }]);
        await there.store.insert({ ...second, data: on(await layer(there.store, 'one')) });
        expect((await send(there)).bytes).toBeGreaterThan(0);
        expect(there.warnings).toEqual([]);
      }
      {
        await using third = await machine(service);
        const found = await third.store.candidates(key);
        expect(found.map((one) => [one.id, one.data !== null])).toEqual([
          [second.id, true],
          [first.id, true],
        ]);
        expect(await contents(third, found[0] as Instance)).toEqual(['one']);
      }
      service.damage(lost);
      await using fourth = await machine(service);
      const [found] = await fourth.store.candidates(key);
      expect(await contents(fourth, found as Instance)).toContain('it is damaged');
      expect(fourth.warnings).toEqual([expect.stringContaining(`for ${lost} is not what that names`)]);
    });

    it('takes an index that is forged, cut off, of another scope or without the MAC for none, and says so', async () => {
      await using service = await make();
      const sealed = { key: 'a key of the fleet' };
      {
        await using here = await machine(service, sealed);
        await here.store.insert(anInstance());
        await send(here);
      }
      await using remote = service.open([main]);
      const bytes = Buffer.from((await remote.readIndex(main, signal)) ?? []);
      const flipped = Buffer.from(bytes);
      flipped[flipped.byteLength - 9] = (flipped.at(-9) ?? 0) ^ 1;
      const look = async (written: Uint8Array, storeKey: string | null) => {
        await remote.writeIndex(main, { bytes: written, blobs: [] }, signal);
        await using there = await machine(service, { key: storeKey });
        return [(await there.store.candidates(key)).length, ...there.warnings];
      };
      const unused = (why: string) => [0, expect.stringMatching(new RegExp(`are not used: ${why}$`))];
      expect(await look(bytes, sealed.key)).toEqual([1]);
      // Who has no key believes the registry.
      expect(await look(bytes, null)).toEqual([1]);
      expect(await look(bytes, 'another')).toEqual(unused('it does not carry the MAC of LAYER_STORE_KEY'));
      expect(await look(flipped, sealed.key)).toEqual(unused('it does not carry the MAC of LAYER_STORE_KEY'));
      expect(await look(flipped, null)).toEqual(unused('it is damaged'));
      expect(await look(bytes.subarray(0, bytes.byteLength - 20), null)).toEqual(unused('it is damaged'));
      expect(await look(Buffer.from('layer-index'), null)).toEqual(unused('it is damaged'));
      await using other = await machine(service, { scopes: [topic] });
      await other.store.insert(anInstance());
      await send(other);
      await using elsewhere = service.open([topic]);
      const foreign = Buffer.from((await elsewhere.readIndex(topic, signal)) ?? []);
      expect(await look(foreign, null)).toEqual(unused('it is of refs/heads/topic'));
    });

    it('keeps what another machine has sent since it looked', async () => {
      await using service = await make();
      await using one = await machine(service);
      await using two = await machine(service);
      await one.store.insert(anInstance());
      await two.store.insert(anInstance());
      await send(two);
      await send(one);
      await using there = await machine(service);
      expect(await there.store.candidates(key)).toHaveLength(2);
    });

    it('sends later what could not be sent', async () => {
      await using service = await make();
      const directory = scratch();
      const instance = anInstance(dear);
      {
        await using here = await machine(service, { directory });
        await here.store.insert({ ...instance, data: on(await layer(here.store, 'one')) });
        expect(await here.store.writeBack(AbortSignal.abort())).toBe(null);
      }
      {
        await using here = await machine(service, { directory });
        expect(await send(here)).toMatchObject({ instances: 1 });
        expect(await send(here)).toMatchObject({ instances: 0 });
      }
      await using there = await machine(service);
      const [found] = await there.store.candidates(key);
      expect(await contents(there, found as Instance)).toEqual(['one']);
    });

    it('sends no snapshot that is quicker made than fetched', async () => {
      await using service = await make();
      {
        await using here = await machine(service);
        const cheap = anInstance({ durationMs: 0, data: on(await layer(here.store, 'one')) });
        await here.store.insert(cheap);
        expect(await send(here)).toMatchObject({ instances: 1, unworthy: 1, bytes: 0 });
        // What it took so far counts.
        const later = anInstance({ ...dear, parent: cheap.id, data: on(await layer(here.store, 'two')) });
        await here.store.insert(later);
        expect(await send(here)).toMatchObject({ instances: 1, unworthy: 0 });
      }
      await using there = await machine(service);
      const found = await there.store.candidates(key);
      expect(found.map((one) => one.data !== null)).toEqual([true, false]);
      expect(found[1]?.notKept).toBe('its snapshot was not worth sending');
      expect(existsSync(join(there.directory, 'shared'))).toBe(true);
    });
  });
}
