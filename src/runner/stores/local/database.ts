import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Another number is another directory: old stores are left alone and never misread. A test pins the schema to it. */
export const formatVersion = 4;

export const schema = `
create table if not exists meta (key text primary key, value text not null) strict;
create table if not exists instances (
  sequence integer primary key autoincrement,
  id text not null unique,
  parent text not null,
  key text not null,
  first integer not null,
  parts text not null,
  title text not null,
  layer text not null,
  observations text not null,
  state text not null,
  view text,
  exit_code integer not null,
  output_tail text not null,
  duration_ms real not null,
  created_at integer not null,
  used_at integer not null,
  retired integer not null default 0,
  synced integer not null default 0,
  boot text not null,
  data text,
  not_kept text,
  repository text not null
) strict;
create index if not exists instances_key on instances (key);
create index if not exists instances_parent on instances (parent);
create index if not exists instances_first on instances (layer) where first = 1;
create table if not exists layers (instance text not null, path text not null) strict;
create index if not exists layers_instance on layers (instance);
create table if not exists volumes (
  sequence integer primary key autoincrement,
  id text not null unique,
  scope text not null,
  path text not null,
  parent text,
  directory text not null,
  at text not null,
  synced integer not null default 0,
  boot text not null
) strict;
create index if not exists volumes_place on volumes (scope, path);
create table if not exists sessions (
  id text primary key,
  pid integer not null,
  started text not null,
  boot text not null,
  opened_at integer not null
) strict;
create table if not exists directories (name text primary key, session text not null, unused_since integer) strict;
create table if not exists pins (instance text primary key, name text not null, created_at integer not null) strict;
create table if not exists pinned (pin text not null, instance text not null, primary key (pin, instance)) strict;
create index if not exists pinned_instance on pinned (instance);
create table if not exists repositories (id text primary key, root text not null, seen_at integer not null) strict;
create table if not exists runs (
  sequence integer primary key autoincrement,
  repository text not null,
  job integer not null,
  record text not null
) strict;
create index if not exists runs_repository on runs (repository);
`;

/** Opens the database of a store directory; waits for other processes up to ten seconds. */
export function openDatabase(directory: string): DatabaseSync {
  const database = new DatabaseSync(join(directory, 'store.db'), { timeout: 10_000 });
  database.exec('pragma journal_mode = wal; pragma synchronous = normal;');
  const version = database.prepare('pragma user_version').get() as { user_version: number };
  if (version.user_version !== formatVersion) {
    transaction(database, () => {
      database.exec(schema);
      database.prepare(`insert or ignore into meta values ('hmac', ?)`).run(randomBytes(32).toString('hex'));
      database.prepare(`insert or ignore into meta values ('jobs', '0')`).run();
      database.exec(`pragma user_version = ${formatVersion}`);
    });
  }
  return database;
}

/** All or nothing, alone among writers. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('begin immediate');
  try {
    const result = work();
    database.exec('commit');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
}

/** Why SQLite would not write, in words; null where the error is not of that kind. */
export function writeFailure(error: unknown): string | null {
  const code = (error as { errcode?: number }).errcode;
  if (code === undefined) return null;
  switch (code & 0xff) {
    case 5:
    case 6:
      return 'the store is locked by another process';
    case 8:
      return 'the store cannot be written';
    case 10:
      return 'the store could not be written (input/output error)';
    case 13:
      return 'the disk is full';
  }
  return null;
}
