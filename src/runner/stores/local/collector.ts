import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { ofOneRun } from '../../key.ts';
import { transaction } from './database.ts';
import { isAlive, processNamespace, type ProcessIdentity } from './process-identity.ts';

interface SessionRow extends ProcessIdentity {
  readonly id: string;
  readonly opened_at: number;
}

/** Sessions of processes that live; rows of the others are dropped. */
export function livingSessions(database: DatabaseSync): readonly SessionRow[] {
  const here = processNamespace();
  const rows = database.prepare('select * from sessions').all() as unknown as SessionRow[];
  const living = rows.filter((one) => isAlive(one, here));
  const drop = database.prepare('delete from sessions where id = ?');
  for (const one of rows) if (!living.includes(one)) drop.run(one.id);
  return living;
}

/**
 * Which directories no row names. One that a living process made stays; one that a living process may still know from a row that has gone since
 * it opened the store stays as well, until that process ends. Returns the names of those to delete; their rows are gone when it returns.
 */
function condemned(database: DatabaseSync, { without }: { readonly without: string | null }): string[] {
  const living = livingSessions(database).filter((one) => one.id !== without);
  dropOrphans(database, living);
  const used = usedPaths(database);
  const usedNames = new Set([...used].map((path) => path.split('/')[1] ?? ''));
  const rows = database.prepare('select * from directories').all() as unknown as {
    name: string;
    session: string;
    unused_since: number | null;
  }[];
  const mark = database.prepare('update directories set unused_since = ? where name = ?');
  const drop = database.prepare('delete from directories where name = ?');
  const now = Date.now();
  const dead: string[] = [];
  for (const { name, session, unused_since } of rows) {
    if (usedNames.has(name)) {
      if (unused_since !== null) mark.run(null, name);
      continue;
    }
    if (living.some((one) => one.id === session)) continue;
    const since = unused_since ?? now;
    if (unused_since === null) mark.run(now, name);
    if (living.some((one) => one.opened_at <= since)) continue;
    drop.run(name);
    dead.push(name);
  }
  return dead;
}

/**
 * Instances whose parent instance has gone can never be found again. Ids of roots, copies and presses are longer and have no rows; of what followed a press,
 * which no other run goes on from, the last is kept for a person to look at, and that of runs that may be under way.
 */
function dropOrphans(database: DatabaseSync, living: readonly SessionRow[]): void {
  const since = Math.min(Date.now(), ...living.map((one) => one.opened_at));
  database
    .prepare(
      `delete from instances where parent glob '${ofOneRun}*' and created_at < ? and id not in (select instance from pinned) and exists
         (select 1 from instances as one where one.parent glob '${ofOneRun}*' and one.parent <> instances.parent and one.sequence > instances.sequence
            and one.layer = instances.layer and one.title = instances.title and one.repository = instances.repository)`,
    )
    .run(since);
  const drop = database.prepare(
    `delete from instances where length(parent) = 32 and not exists (select 1 from instances as one where one.id = instances.parent)`,
  );
  while (drop.run().changes > 0);
  database.exec(
    'delete from layers where instance not in (select id from instances) and instance not in (select id from volumes)',
  );
}

/** Paths relative to the store that rows refer to. */
function usedPaths(database: DatabaseSync): ReadonlySet<string> {
  const rows = database.prepare('select distinct path from layers').all() as unknown as { path: string }[];
  return new Set(rows.map((one) => one.path));
}

/** Deletes what nothing uses; how many directories. `without`: a session that is about to end. */
export function collect(
  database: DatabaseSync,
  { root, without }: { readonly root: string; readonly without: string | null },
): number {
  const trash = join(root, 'trash', randomBytes(8).toString('hex'));
  mkdirSync(trash, { recursive: true, mode: 0o700 });
  let count = 0;
  const discard = (path: string): void => renameSync(join(root, path), join(trash, String(count++)));
  // What goes is moved away while nobody can open the store or write to it; deleting takes its time afterwards.
  const directories = transaction(database, () => {
    const dead = condemned(database, { without }).filter((name) => existsSync(join(root, 'layers', name)));
    for (const name of dead) discard(`layers/${name}`);
    const alone = livingSessions(database).every((one) => one.id === without);
    if (alone) discardUnknown(database, { root, discard });
    return dead.length;
  });
  rmSync(trash, { recursive: true, force: true });
  return directories;
}

/** With nobody else about: directories without a row (a kill between noting one and making it), unused parts of used ones, and what a kill left in the trash. */
function discardUnknown(
  database: DatabaseSync,
  { root, discard }: { readonly root: string; readonly discard: (path: string) => void },
): void {
  const rows = database.prepare('select name from directories').all() as unknown as { name: string }[];
  const known = new Set(rows.map((one) => one.name));
  const used = usedPaths(database);
  for (const name of readdirSync(join(root, 'layers'))) {
    if (known.has(name)) prune(`layers/${name}`, { root, used: [...used], discard });
    else discard(`layers/${name}`);
  }
}

/** Discards everything below a path that is neither used nor on the way to something used. */
function prune(
  path: string,
  {
    root,
    used,
    discard,
  }: { readonly root: string; readonly used: readonly string[]; readonly discard: (path: string) => void },
): void {
  if (used.includes(path)) return;
  const below = used.filter((one) => one.startsWith(`${path}/`));
  if (below.length === 0) discard(path);
  else for (const name of readdirSync(join(root, path))) prune(`${path}/${name}`, { root, used: below, discard });
}
