import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { formatVersion } from '../../src/runner/stores/local/database.ts';
import { openWorkshop, type Workshop } from '../support/workshop.ts';

const layerfile = 'FROM vm/debian:12\nCOPY . /w\nRUN cat /w/f\n';

function aWorkshop(): Workshop {
  const workshop = openWorkshop();
  workshop.put({ 'x/Layerfile': layerfile, 'x/f': 'one\n' });
  return workshop;
}

const databasePath = ({ store }: Workshop): string => join(store, `v${formatVersion}`, 'store.db');

it('a store of another version lies beside this one, is left alone, and goes when room is made', async () => {
  using workshop = aWorkshop();
  for (const version of [formatVersion - 1, formatVersion + 1]) {
    mkdirSync(join(workshop.store, `v${version}`, 'layers'), { recursive: true });
    writeFileSync(join(workshop.store, `v${version}`, 'store.db'), 'what another version keeps');
  }
  const first = await workshop.run();
  expect(first.runners.get('x')?.ran.at(-1)?.output, first.stderr).toBe('one\n');
  expect((await workshop.run()).runners.get('x')?.ran).toEqual([]);
  const versions = (): readonly string[] => readdirSync(workshop.store).filter((name) => /^v\d+$/.test(name));
  expect(versions()).toHaveLength(3);
  expect((await workshop.layer(['prune', '--keep', '0'])).status).toBe(0);
  // One that is newer belongs to somebody who has not given it up.
  expect(new Set(versions())).toEqual(new Set([`v${formatVersion}`, `v${formatVersion + 1}`]));
});

it('a database of this version that another build laid out is refused, with what to do', async () => {
  using workshop = aWorkshop();
  await workshop.run();
  const database = new DatabaseSync(databasePath(workshop));
  database.exec('pragma user_version = 12345');
  database.close();
  for (const command of [['run'], ['du'], ['prune', '--keep', '0'], ['plan']]) {
    const { status, stderr } = await workshop.layer(command);
    expect([command, status]).toEqual([command, 3]);
    expect(stderr).toContain('another build of layer made it; delete ');
    expect(stderr).not.toContain('bug');
  }
  const directory = /delete (\S+)/.exec((await workshop.layer(['du'])).stderr)?.[1] ?? '';
  expect(existsSync(directory)).toBe(true);
  execFileSync('rm', ['-r', directory]);
  const again = await workshop.run();
  expect(again.runners.get('x')?.ran.at(-1)?.output).toBe('one\n');
});

it('a database that is damaged is refused, or what cannot be read of it runs again', async () => {
  using workshop = aWorkshop();
  await workshop.run();
  workshop.put({ 'x/f': 'two\n' });
  truncateSync(databasePath(workshop), 5000);
  const { status, stderr, runners } = await workshop.run();
  expect(stderr).not.toContain('bug');
  if (status === 0) expect(runners.get('x')?.ran.at(-1)?.output).toBe('two\n');
  else expect([status, stderr]).toEqual([3, expect.stringContaining('store.db is damaged; delete ')]);
});
