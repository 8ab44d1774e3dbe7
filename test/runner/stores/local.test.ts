import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocalStore } from '../../../src/runner/stores/local.ts';
import { formatVersion, schema } from '../../../src/runner/stores/local/database.ts';
import type { GuestPath } from '../../../src/host.ts';
import type { StepKey } from '../../../src/runner/store.ts';
import { scratch } from '../../support/scratch.ts';
import { aLayer, anInstance, describeStore } from './contract.ts';

describeStore('local', async () => {
  const directory = scratch();
  return { open: async () => openLocalStore(directory), [Symbol.asyncDispose]: async () => {} };
});

describe('local store', () => {
  it('changes its format version with its schema', () => {
    const digest = createHash('sha256').update(schema).digest('hex').slice(0, 16);
    expect([formatVersion, digest]).toEqual([8, 'bef049c4965892b7']);
  });

  it('is for its owner only', async () => {
    const directory = scratch();
    await using _store = openLocalStore(join(directory, 'store'));
    expect(statSync(join(directory, 'store')).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'store', `v${formatVersion}`)).mode & 0o777).toBe(0o700);
  });

  it('drops what an earlier boot left unsynced, with its directory', async () => {
    const directory = scratch();
    let lost = '';
    let safe = '';
    {
      await using store = openLocalStore(directory);
      safe = await aLayer(store);
      const stack = (layer: string) => [{ kind: 'layer', directory: layer, at: null } as const];
      await store.insert(anInstance({ data: { stack: stack(safe), mtimes: null } }));
      await store.sync();
      lost = await aLayer(store);
      await store.insert(anInstance({ data: { stack: stack(lost), mtimes: null } }));
    }
    const database = new DatabaseSync(join(directory, `v${formatVersion}`, 'store.db'));
    database.exec(`update instances set boot = 'an earlier one'`);
    database.close();
    await using store = openLocalStore(directory);
    expect(await store.candidates('f'.repeat(64) as StepKey)).toHaveLength(1);
    await store.collect();
    await store[Symbol.asyncDispose]();
    await using again = openLocalStore(directory);
    await again.collect();
    expect([existsSync(safe), existsSync(lost)]).toEqual([true, false]);
  });

  it('leaves what processes of another container may be using', async () => {
    const directory = scratch();
    const layer = await (async () => {
      await using store = openLocalStore(directory);
      return aLayer(store);
    })();
    mkdirSync(layer, { recursive: true });
    const database = new DatabaseSync(join(directory, `v${formatVersion}`, 'store.db'));
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const session = database.prepare('insert into sessions values (?, 4000000, ?, ?, ?)');
    session.run('foreign', '1', `${boot} pid:[1]`, Date.now());
    const name = relative(join(directory, `v${formatVersion}`, 'layers'), layer).split('/')[0] ?? '';
    database.prepare('insert or replace into directories values (?, ?, null)').run(name, 'foreign');
    {
      await using store = openLocalStore(directory);
      await aLayer(store);
    }
    expect(existsSync(layer)).toBe(true);
    database.exec('update sessions set opened_at = 0');
    database.close();
    {
      await using store = openLocalStore(directory);
      await aLayer(store);
    }
    expect(existsSync(layer)).toBe(false);
  });

  it('takes a result that was changed on disk for none, and says so once', async () => {
    const directory = scratch();
    const key = 'f'.repeat(64) as StepKey;
    const warnings: string[] = [];
    const user = { repository: 'here', root: '/here', scope: 'main', reads: ['main'] };
    const open = () => openLocalStore(directory, { ...user, warn: (message) => warnings.push(message) });
    {
      await using store = open();
      await store.insert(anInstance({ outputTail: 'half of a character: \ud83d' }));
      await store.insert(anInstance({ data: { stack: [], mtimes: null } }));
      expect(await store.candidates(key)).toHaveLength(2);
    }
    const database = new DatabaseSync(join(directory, `v${formatVersion}`, 'store.db'));
    for (const [change, left] of [
      [`data = '{"stack":[],"mtimes":{}}' where data is not null`, 1],
      [`exit_code = 1`, 0],
    ] as const) {
      database.exec(`update instances set ${change}`);
      await using store = open();
      expect(await store.candidates(key), change).toHaveLength(left);
      await store.candidates(key);
    }
    database.close();
    expect(warnings).toEqual(Array(2).fill(expect.stringContaining('not as they were written')));
  });

  it('offers strangers no volume of others that a secret could be in', async () => {
    const directory = scratch();
    const path = '/root/.cache' as GuestPath;
    const open = (scope: string, trust: 'own' | 'strangers') =>
      openLocalStore(directory, { ...{ repository: 'here', root: '/here', scope, trust, reads: [scope, 'main'] } });
    await using main = open('main', 'own');
    for (const [id, tainted] of [
      ['v1', false],
      ['v2', true],
    ] as const) {
      const directory = await main.directory();
      await main.publishVolume('main', {
        ...{ id, parent: null, path, directory, at: path, mtimes: null, createdAt: Number(id.slice(1)), tainted },
      });
    }
    await using branch = open('branch', 'own');
    await using fork = open('fork', 'strangers');
    expect((await branch.volume('main', path))?.id).toBe('v2');
    expect((await fork.volume('main', path))?.id).toBe('v1');
    expect((await fork.newestVolumes('main')).map((one) => one.id)).toEqual(['v1']);
  });

  it('opens after its process was killed at any instant, and several may write at once', () => {
    const directory = scratch();
    const program = fileURLToPath(new URL('./write-for-ever.ts', import.meta.url));
    const children = `for i in 1 2 3; do timeout -s KILL 0.$((RANDOM % 5 + 4)) "${process.execPath}" --disable-warning=ExperimentalWarning "${program}" "${directory}" & done; wait`;
    for (let round = 0; round < 3; round += 1) spawnSync('bash', ['-c', children]);
    const store = openLocalStore(directory);
    return store.candidates('f'.repeat(64) as StepKey).then(async (found) => {
      for (const { data } of found) {
        for (const entry of data?.stack ?? [])
          if (entry.kind === 'layer') expect(existsSync(join(entry.directory, 'file'))).toBe(true);
      }
      await store[Symbol.asyncDispose]();
    });
  });
});
