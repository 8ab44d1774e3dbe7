import { hash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openWriteAhead } from '../write-ahead.ts';

/** Another number is another directory: old stores are left alone and never misread. A test pins the schema to it. */
export const formatVersion = 8;

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
  repository text not null,
  scope text not null,
  mac text not null,
  data_mac text
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
  mtimes text,
  created_at integer not null,
  tainted integer not null,
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

/** A database that this build of `layer` cannot read. `directory` holds it and the snapshots that it lists. */
export class StoreUnusable extends Error {
  override readonly name = 'StoreUnusable';
  readonly directory: string;

  constructor(directory: string, why: string) {
    super(`the store ${directory} cannot be used: ${why}`);
    this.directory = directory;
  }
}

/** What the database says that it is: a number that no other schema has, as likely as not. */
const schemaMark = Number.parseInt(hash('sha256', schema).slice(0, 7), 16) + 1;

/** Opens the database of a store directory; waits for other processes up to ten seconds. Throws `StoreUnusable`. */
export function openDatabase(directory: string): DatabaseSync {
  const path = join(directory, 'store.db');
  try {
    return prepared(openWriteAhead(path), directory);
  } catch (error) {
    const why = unusable(error);
    throw why === null ? error : new StoreUnusable(directory, why);
  }
}

function prepared(database: DatabaseSync, directory: string): DatabaseSync {
  const mark = (): number => (database.prepare('pragma user_version').get() as { user_version: number }).user_version;
  if (mark() === schemaMark) return database;
  transaction(database, () => {
    const found = mark();
    if (found === schemaMark) return;
    if (found !== 0) throw new StoreUnusable(directory, 'another build of layer made it');
    database.exec(schema);
    database.prepare(`insert or ignore into meta values ('hmac', ?)`).run(randomBytes(32).toString('hex'));
    database.prepare(`insert or ignore into meta values ('jobs', '0')`).run();
    database.exec(`pragma user_version = ${schemaMark}`);
  });
  return database;
}

/** Why a database cannot be opened at all, in words; null where the error is not of that kind. See sqlite.org/rescode.html. */
function unusable(error: unknown): string | null {
  const code = (error as { errcode?: number }).errcode;
  const kind = code === undefined ? 0 : code & 0xff;
  if (kind === 11 || kind === 26) return 'store.db is damaged';
  return kind === 14 ? 'store.db cannot be opened' : writeFailure(error);
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
