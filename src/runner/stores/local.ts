import { randomBytes } from 'node:crypto';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import type { GuestPath } from '../../host.ts';
import type { KeyPart } from '../key.ts';
import type { RunHistory } from '../history.ts';
import type { Records } from '../inspect/records.ts';
import type { Retention } from '../retention.ts';
import { directoriesOf } from '../snapshot-directories.ts';
import type { Instance, MtimeTable, Stored, TraceStore, Volume } from '../store.ts';
import { collect } from './local/collector.ts';
import { formatVersion, openDatabase, transaction, writeFailure } from './local/database.ts';
import { fromRow, isIntact, toRow, type InstanceRow, type RowSeal } from './local/instance-rows.ts';
import { copyLayer } from './local/layer-copy.ts';
import { openHistory } from './local/history.ts';
import { bootId, processNamespace, startTime } from './local/process-identity.ts';
import { openRecords } from './local/records.ts';
import { openRetention } from './local/retention.ts';

/** Values of one key that are kept; the least recently used goes first. Of machines in which a step failed, the last. */
const valuesPerKey = 8;

interface VolumeRow {
  readonly id: string;
  readonly parent: string | null;
  readonly path: string;
  readonly directory: string;
  readonly at: string;
  readonly mtimes: string | null;
  readonly created_at: number;
  readonly tainted: number;
}

/** Whose results go into a store: the repository's id, and where its working tree is. */
export interface StoreUser {
  readonly repository: string;
  readonly root: string;
  /** What it leaves is of this scope. */
  readonly scope: string;
  /** It is offered what is of these. */
  readonly reads: readonly string[];
  /** `strangers`: of other scopes than its own it is offered nothing that a secret could be in. */
  readonly trust?: 'own' | 'strangers';
  /** Told once where rows are not as they were written; they are misses. */
  readonly warn?: (message: string) => void;
}

/** All that the store of one machine can do. */
export type LocalStore = TraceStore & Records & Retention & RunHistory;

/** One by one below what is there: in a file system that makes none (/proc) Node's own recursive way never ends. */
function makeLayers(directory: string, root: string): void {
  const layers = join(root, 'layers');
  if (existsSync(layers)) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const path of [root, layers]) {
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (!existsSync(path)) throw error;
    }
  }
}

/**
 * The store of one machine: rows in SQLite, snapshots in directories beside it, at `<directory>/v<format>`. Opening it drops what an earlier boot left unsynced.
 * A directory that cannot be made or written throws the system's error. `user` is null for who only looks, or keeps house.
 */
export function openLocalStore(directory: string, user: StoreUser | null = null): LocalStore {
  const root = join(directory, `v${formatVersion}`);
  makeLayers(directory, root);
  // Also where somebody has opened it: whoever may write here decides what is skipped.
  chmodSync(root, 0o700);
  const database = openDatabase(root);
  const boot = bootId();
  const session = openSession(database);
  let changed = dropUnsynced(database, boot);
  const hmacKey = (database.prepare(`select value from meta where key = 'hmac'`).get() as { value: string }).value;
  const candidates = database.prepare(
    'select * from instances where key = ? and retired = 0 and (? or scope in (select value from json_each(?))) order by sequence desc',
  );
  const relativePath = (path: string): string => relative(root, path);
  const toVolume = (row: VolumeRow): Volume => ({
    id: row.id,
    parent: row.parent,
    path: row.path as GuestPath,
    directory: join(root, row.directory),
    at: row.at as GuestPath,
    mtimes: row.mtimes === null ? null : (JSON.parse(row.mtimes) as MtimeTable),
    createdAt: row.created_at,
    tainted: row.tainted === 1,
  });
  const mayRead = (row: VolumeRow & { readonly scope: string }): boolean =>
    user?.trust !== 'strangers' || row.tainted === 0 || row.scope === user.scope;
  const isThere = (row: VolumeRow & { readonly scope: string }): boolean =>
    mayRead(row) && existsSync(join(root, row.directory));
  let alarmed = false;
  const intact = (row: InstanceRow): boolean => {
    if (isIntact(row, hmacKey)) return true;
    if (!alarmed)
      user?.warn?.(`the store ${directory} holds results that are not as they were written; they are not used`);
    alarmed = true;
    return false;
  };

  const write = (work: () => void): Stored => {
    changed = true;
    try {
      transaction(database, work);
      return { stored: true };
    } catch (error) {
      const why = writeFailure(error);
      if (why === null) throw error;
      return { stored: false, why };
    }
  };

  const makeDirectory = (): string => {
    changed = true;
    const name = randomBytes(8).toString('hex');
    database.prepare('insert into directories values (?, ?, null)').run(name, session);
    const path = join(root, 'layers', name);
    mkdirSync(path, { mode: 0o700 });
    return path;
  };

  const touched = (): void => {
    changed = true;
  };
  return {
    ...openRecords(database, root),
    ...openRetention({ database, root, session, directory, touched }),
    ...openHistory(database, user),
    hmacKey,
    async candidates(key) {
      const reads = JSON.stringify(user?.reads ?? []);
      const rows = candidates.all(key, user === null ? 1 : 0, reads) as unknown as InstanceRow[];
      return rows.filter(intact).map((row) => fromRow(row, root));
    },
    async siblings(parent, layer) {
      const where = `exit_code = 0 and ${parent === null ? 'first = 1 and layer = ?' : 'layer = ? and parent = ?'}`;
      const rows = database
        .prepare(`select title, parts from instances where ${where} order by sequence desc limit 20`)
        .all(...(parent === null ? [layer] : [layer, parent])) as unknown as { title: string; parts: string }[];
      return rows.map(({ title, parts }) => ({ title, keyParts: JSON.parse(parts) as readonly KeyPart[] }));
    },
    async load() {
      return null;
    },
    async insert(instance) {
      const seal = { repository: user?.repository ?? '', scope: user?.scope ?? '', key: hmacKey };
      return write(() => insert(instance, { database, root, boot, seal }));
    },
    async retire(ids) {
      changed = true;
      const retire = database.prepare('update instances set retired = 1 where id = ?');
      transaction(database, () => ids.forEach((id) => retire.run(id)));
    },
    async touch(ids) {
      if (ids.length === 0) return;
      const touch = database.prepare('update instances set used_at = ? where id = ?');
      const now = Date.now();
      try {
        transaction(database, () => ids.forEach((id) => touch.run(now, id)));
      } catch (error) {
        // Only the order of eviction suffers.
        if (writeFailure(error) === null) throw error;
      }
    },
    async directory() {
      return makeDirectory();
    },
    async copyLayer(layer, prune) {
      const to = makeDirectory();
      await copyLayer(layer, { to, prune });
      return to;
    },
    async volume(scope, path) {
      const rows = database
        .prepare('select * from volumes where scope = ? and path = ? order by created_at desc, sequence desc')
        .all(scope, path) as unknown as (VolumeRow & { scope: string })[];
      const row = rows.find(isThere);
      return row ? toVolume(row) : null;
    },
    async newestVolumes(scope) {
      const rows = database
        .prepare('select * from volumes where scope = ? order by created_at, sequence')
        .all(scope) as unknown as (VolumeRow & { scope: string })[];
      return [...new Map(rows.filter(isThere).map((row) => [row.path, toVolume(row)])).values()];
    },
    async volumeOf(path) {
      const row = database.prepare('select * from volumes where directory = ?').get(relativePath(path));
      return row ? toVolume(row as unknown as VolumeRow) : null;
    },
    async descends(volume, ancestor) {
      const parentOf = database.prepare('select parent from volumes where id = ?');
      for (let id: string | null = volume; id !== null;) {
        if (id === ancestor) return true;
        id = (parentOf.get(id) as { parent: string | null } | undefined)?.parent ?? null;
      }
      return false;
    },
    async publishVolume(scope, volume) {
      // It stands for the directory above what is saved, where the machine has none.
      if (volume.at !== volume.path) chmodSync(volume.directory, 0o775);
      return write(() => {
        database
          .prepare(
            `insert or ignore into volumes (id, scope, path, parent, directory, at, mtimes, created_at, tainted, boot)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(
            ...[volume.id, scope, volume.path, volume.parent, relativePath(volume.directory), volume.at],
            ...[volume.mtimes === null ? null : JSON.stringify(volume.mtimes), volume.createdAt],
            ...[volume.tainted ? 1 : 0, boot],
          );
        dropOldVolumes(database, { scope, path: volume.path });
        database.prepare('insert into layers values (?, ?)').run(volume.id, relativePath(volume.directory));
      });
    },
    async nextJob() {
      return transaction(database, () => {
        const row = database
          .prepare(`update meta set value = cast(value as integer) + 1 where key = 'jobs' returning value`)
          .get() as { value: string };
        return Number(row.value);
      });
    },
    async sync() {
      const waiting = database
        .prepare(
          'select (select count(*) from instances where synced = 0) + (select count(*) from volumes where synced = 0) as count',
        )
        .get() as { count: number };
      if (waiting.count === 0) return;
      const last = database
        .prepare('select (select max(sequence) from instances) as one, (select max(sequence) from volumes) as two')
        .get() as {
        one: number | null;
        two: number | null;
      };
      await promisify(execFile)('sync', ['--file-system', root]);
      write(() => {
        database.prepare('update instances set synced = 1 where sequence <= ?').run(last.one);
        database.prepare('update volumes set synced = 1 where sequence <= ?').run(last.two);
      });
    },
    async collect() {
      return { directories: collect(database, { root, without: null }) };
    },
    async [Symbol.asyncDispose]() {
      if (!database.isOpen) return;
      if (changed || leftOver(database)) collect(database, { root, without: session });
      database.prepare('delete from sessions where id = ?').run(session);
      database.close();
    },
  };
}

/** Whether somebody has left directories that nothing uses because this process could still have known them. */
function leftOver(database: DatabaseSync): boolean {
  return database.prepare('select 1 from directories where unused_since is not null limit 1').get() !== undefined;
}

function openSession(database: DatabaseSync): string {
  const id = randomBytes(8).toString('hex');
  database
    .prepare('insert into sessions values (?, ?, ?, ?, ?)')
    .run(id, process.pid, startTime(process.pid) ?? '', processNamespace(), Date.now());
  return id;
}

/** After a crash of the kernel, rows may stand for files that never reached the disk. */
function dropUnsynced(database: DatabaseSync, boot: string): boolean {
  const lost = database
    .prepare(
      'select 1 from instances where synced = 0 and boot <> ? union select 1 from volumes where synced = 0 and boot <> ?',
    )
    .get(boot, boot);
  if (!lost) return false;
  transaction(database, () => {
    database.prepare('delete from instances where synced = 0 and boot <> ?').run(boot);
    database.prepare('delete from volumes where synced = 0 and boot <> ?').run(boot);
  });
  return true;
}

function insert(
  instance: Instance,
  {
    database,
    root,
    boot,
    seal,
  }: { readonly database: DatabaseSync; readonly root: string; readonly boot: string; readonly seal: RowSeal },
): void {
  const row = toRow(instance, { root, seal });
  const columns = { ...row, boot };
  const names = Object.keys(columns);
  database
    .prepare(
      `insert into instances (${names.join(', ')}) values (${names.map((name) => `:${name}`).join(', ')})
       on conflict (id) do update set
         data = coalesce(excluded.data, data), data_mac = iif(excluded.data is null, data_mac, excluded.data_mac), not_kept = iif(excluded.data is null, not_kept, excluded.not_kept), synced = 0, boot = excluded.boot`,
    )
    .run(columns);
  if (row.data !== null) database.prepare('delete from layers where instance = ?').run(row.id);
  const refer = database.prepare('insert into layers values (?, ?)');
  for (const path of instance.data ? directoriesOf(instance.data) : []) refer.run(row.id, relative(root, path));
  database
    .prepare(
      `delete from instances where key = ? and id not in
         (select id from instances where key = ? order by retired, used_at desc, sequence desc limit ${instance.exitCode === 0 ? valuesPerKey : 1})
       and id not in (select instance from pinned)`,
    )
    .run(row.key, row.key);
}

/** Of a path's volumes the newest stay, and every one that a snapshot stands on. */
function dropOldVolumes(
  database: DatabaseSync,
  { scope, path }: { readonly scope: string; readonly path: string },
): void {
  database
    .prepare(
      `delete from volumes where scope = ? and path = ? and sequence not in
         (select sequence from volumes where scope = ? and path = ? order by created_at desc, sequence desc limit 3)
       and directory not in (select path from layers join instances on instances.id = layers.instance)`,
    )
    .run(scope, path, scope, path);
}
