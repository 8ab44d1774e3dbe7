import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { secretsOf, type KeyPart } from '../../key.ts';
import type { Held, Holdings, Retention, Side, Tier } from '../../retention.ts';
import { collect, livingSessions } from './collector.ts';
import { transaction } from './database.ts';
import { diskUsage } from './disk-usage.ts';
import { guestParts } from './guests.ts';
import { roughBytes } from './rough-size.ts';

interface SnapshotRow {
  readonly id: string;
  readonly repository: string;
  readonly layer: string;
  readonly title: string;
  readonly used_at: number;
  readonly rank: number;
  readonly exit_code: number;
  readonly parts: string;
  readonly pin: string | null;
}

interface VolumeRow {
  readonly id: string;
  readonly scope: string;
  readonly path: string;
  readonly directory: string;
  readonly tainted: number;
  readonly rank: number;
}

/** Room that a removed snapshot's row remembers, for the run that misses it. */
const removedReason = 'layer prune removed it';

/** What a local store holds, and how it becomes less. `directory` is the store's, `root` its part of this format. */
export function openRetention(given: {
  readonly database: DatabaseSync;
  readonly root: string;
  readonly directory: string;
  readonly session: string;
  /** Called when something may have become unused. */
  readonly touched: () => void;
}): Retention {
  const { database, root, directory, session, touched } = given;
  const others = (): number => livingSessions(database).filter((one) => one.id !== session).length;

  return {
    async holdings() {
      const held = [...snapshots(database), ...volumes(database, root)];
      const paths = [...new Set(held.flatMap((one) => one.paths))].sort();
      const bytes = await diskUsage(paths, { cwd: root });
      return {
        held,
        bytes,
        sides: await sides({ root, directory, used: paths }),
        rows: count(database, 'select count(*) as count from instances where data is null'),
        roots: rootsOf(database),
        others: others(),
      };
    },
    async roughBytes() {
      const changing = new Set(
        livingSessions(database)
          .filter((one) => one.id !== session)
          .flatMap(({ id }) => database.prepare('select name from directories where session = ?').all(id))
          .map((row) => `${basename(root)}/layers/${(row as { readonly name: string }).name}`),
      );
      return roughBytes(database, { directory, format: basename(root), changing });
    },
    async limit() {
      const row = database.prepare(`select value from meta where key = 'limit'`).get() as { value: string } | undefined;
      return row === undefined ? null : row.value === 'none' ? 'none' : Number(row.value);
    },
    async setLimit(limit) {
      if (limit === null) database.prepare(`delete from meta where key = 'limit'`).run();
      else database.prepare(`insert or replace into meta values ('limit', ?)`).run(String(limit));
    },
    async remove({ held, forgotten, sides: unwanted }) {
      touched();
      transaction(database, () => {
        const empty = database.prepare('update instances set data = null, not_kept = ? where id = ?');
        const refer = database.prepare('delete from layers where instance = ?');
        const volume = database.prepare('delete from volumes where id = ?');
        const forget = database.prepare(
          'delete from instances where id = ? and id not in (select instance from pinned)',
        );
        for (const one of held) {
          if (one.kind === 'snapshot') empty.run(removedReason, one.id);
          else volume.run(one.id);
          refer.run(one.id);
        }
        for (const id of forgotten) forget.run(id);
      });
      const left = removeSides(unwanted, { database, root, directory, alone: () => others() === 0 });
      collect(database, { root, without: session });
      return { left };
    },
    async pin({ id, name, trail }) {
      transaction(database, () => {
        database.prepare('insert or replace into pins values (?, ?, ?)').run(id, name, Date.now());
        const keep = database.prepare('insert or ignore into pinned values (?, ?)');
        for (const one of [...trail, id]) keep.run(id, one);
      });
    },
    async unpin(word) {
      return transaction(database, () => {
        const rows = database.prepare('select instance, name from pins').all() as unknown as {
          instance: string;
          name: string;
        }[];
        const exact = rows.filter((one) => one.name === word);
        const meant = exact.length > 0 ? exact : rows.filter((one) => word !== '' && one.instance.startsWith(word));
        for (const { instance } of meant) {
          database.prepare('delete from pins where instance = ?').run(instance);
          database.prepare('delete from pinned where pin = ?').run(instance);
        }
        return meant.map((one) => one.name);
      });
    },
  };
}

function snapshots(database: DatabaseSync): readonly Held[] {
  const paths = new Map<string, string[]>();
  for (const { instance, path } of database.prepare('select instance, path from layers').all() as unknown as {
    instance: string;
    path: string;
  }[]) {
    const known = paths.get(instance);
    if (known) known.push(path);
    else paths.set(instance, [path]);
  }
  const rows = database
    .prepare(
      `select instances.id, repository, layer, title, used_at, exit_code, parts, pins.name as pin,
              row_number() over (partition by repository, layer, title, exit_code <> 0 order by retired, used_at desc, sequence desc) as rank
       from instances left join pins on pins.instance = instances.id where data is not null`,
    )
    .all() as unknown as SnapshotRow[];
  return rows.map((row) => ({
    kind: 'snapshot',
    id: row.id,
    repository: row.repository,
    layer: row.layer,
    title: row.title,
    tier: tierOf(row),
    pin: row.pin,
    tainted: secretsOf(JSON.parse(row.parts) as readonly KeyPart[]).length > 0,
    usedAt: row.used_at,
    paths: [...new Set(paths.get(row.id) ?? [])],
  }));
}

function tierOf({ pin, rank, title, exit_code }: SnapshotRow): Tier {
  if (pin !== null) return 'pinned';
  if (exit_code !== 0) return 'failed';
  if (rank > 1) return 'superseded';
  return title.startsWith('EXPOSE ') ? 'preview' : 'newest';
}

function volumes(database: DatabaseSync, root: string): readonly Held[] {
  const rows = database
    .prepare(
      `select id, scope, path, directory, tainted, row_number() over (partition by scope, path order by created_at desc, sequence desc) as rank
       from volumes where scope <> ''`,
    )
    .all() as unknown as VolumeRow[];
  return rows.map((row): Held => {
    const [repository = '', branch = ''] = JSON.parse(row.scope) as readonly string[];
    return {
      kind: 'volume',
      id: row.id,
      repository,
      layer: branch,
      title: `CACHE ${row.path}`,
      tier: row.rank > 1 ? 'superseded' : 'newest',
      pin: null,
      tainted: row.tainted === 1,
      usedAt: touchedAt(join(root, row.directory)),
      paths: [row.directory],
    };
  });
}

async function sides({
  root,
  directory,
  used,
}: {
  readonly root: string;
  readonly directory: string;
  readonly used: readonly string[];
}): Promise<readonly Side[]> {
  const format = basename(root);
  const found: Omit<Side, 'bytes'>[] = [];
  const add = (kind: Side['kind'], path: string, spare: boolean): void => {
    found.push({ kind, path, spare, usedAt: touchedAt(join(directory, path)) });
  };
  for (const name of names(directory)) {
    if (name === 'blobs') add('blobs', name, true);
    else if (name === 'stats') for (const one of names(join(directory, name))) add('stats', `stats/${one}`, true);
    else if (name === 'mirrors') for (const one of names(join(directory, name))) add('mirror', `mirrors/${one}`, true);
    else if (/^v\d+$/.test(name) && name !== format)
      add('older format', name, Number(name.slice(1)) < formatOf(format));
    else if (name === 'bases') {
      const resolved = resolvedBases(join(directory, 'bases'));
      for (const one of names(join(directory, name))) {
        if (/^[0-9a-f]{64}$/.test(one)) add('base', `bases/${one}`, !resolved.has(one));
      }
      const kept = used.map((path) => join(root, path));
      for (const { path, spare } of guestParts(join(directory, 'bases/guests'), kept))
        add('guest', `bases/guests/${path}`, spare);
    }
  }
  const sizes = await diskUsage(
    found.map((one) => one.path),
    { cwd: directory },
  );
  const measured: Side[] = found.map((one) => ({ ...one, bytes: sizes.get(one.path) ?? 0 }));
  const layers = await diskUsage([...used, 'layers'], { cwd: root });
  // What was counted before it is not counted again: what is left is what nothing refers to.
  measured.push({
    kind: 'unused',
    path: `${format}/layers`,
    bytes: Math.max(0, (layers.get('layers') ?? 0) - leadingBytes(used, root)),
    usedAt: 0,
    spare: false,
  });
  const rows = await diskUsage(
    names(root).filter((one) => one.startsWith('store.db')),
    { cwd: root },
  );
  const bytes = [...rows.values()].reduce((all, one) => all + one, 0);
  measured.push({ kind: 'database', path: `${format}/store.db`, bytes, usedAt: 0, spare: false });
  return measured;
}

/** What the directories take that only lead to what is used. */
function leadingBytes(used: readonly string[], root: string): number {
  const leading = new Set<string>();
  for (const path of used) for (let at = dirname(path); at !== '.'; at = dirname(at)) leading.add(at);
  for (const path of used) leading.delete(path);
  return [...leading, 'layers']
    .filter((path, index, all) => all.indexOf(path) === index)
    .reduce((sum, path) => sum + (statOf(join(root, path))?.blocks ?? 0) * 512, 0);
}

/** Digests that a name stands for: the others can no longer be found by any run. */
function resolvedBases(bases: string): ReadonlySet<string> {
  const digests = new Set<string>();
  for (const name of names(join(bases, 'names'))) {
    try {
      const record = JSON.parse(readFileSync(join(bases, 'names', name), 'utf8')) as { readonly digest?: unknown };
      if (typeof record.digest === 'string') digests.add(record.digest.slice('sha256:'.length));
    } catch {
      // Half a record names nothing.
    }
  }
  return digests;
}

/**
 * Takes spare things out of sight at once, while nobody can open the store, then deletes them. A run that uses the store may be reading any of them: then all
 * stay. A kill in between leaves them in a directory without a row, which the next collection deletes.
 */
function removeSides(
  unwanted: readonly Side[],
  {
    database,
    root,
    directory,
    alone,
  }: {
    readonly database: DatabaseSync;
    readonly root: string;
    readonly directory: string;
    readonly alone: () => boolean;
  },
): readonly Side[] {
  if (unwanted.length === 0) return [];
  const trash = join(root, 'layers', `removed-${randomBytes(8).toString('hex')}`);
  const left = transaction(database, () => {
    if (!alone()) return unwanted;
    mkdirSync(trash, { mode: 0o700 });
    return unwanted.filter((one, index) => {
      try {
        renameSync(join(directory, one.path), join(trash, String(index)));
        return false;
      } catch {
        return existsSync(join(directory, one.path));
      }
    });
  });
  rmSync(trash, { recursive: true, force: true });
  return left;
}

function rootsOf(database: DatabaseSync): Holdings['roots'] {
  const rows = database.prepare('select id, root from repositories').all() as unknown as { id: string; root: string }[];
  return new Map(rows.map((one) => [one.id, one.root]));
}

function count(database: DatabaseSync, query: string): number {
  return (database.prepare(query).get() as { count: number }).count;
}

function formatOf(name: string): number {
  return Number(name.slice(1));
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

/** When a directory or what lies directly in it was changed last, milliseconds since 1970; 0 where nothing is. */
function touchedAt(path: string): number {
  return Math.max(0, ...[path, ...names(path).map((name) => join(path, name))].map((one) => statOf(one)?.mtimeMs ?? 0));
}

function statOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    // Also where something above is no directory any more.
    return null;
  }
}
