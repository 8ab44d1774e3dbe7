import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { transaction } from './database.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

interface SessionRow extends ProcessIdentity {
  readonly id: string;
  readonly opened_at: number;
}

/** Sessions of processes that live; rows of the others are dropped. */
export function livingSessions(database: DatabaseSync, boot: string): readonly SessionRow[] {
  const rows = database.prepare('select * from sessions').all() as unknown as SessionRow[];
  const living = rows.filter((one) => isAlive(one, boot));
  const drop = database.prepare('delete from sessions where id = ?');
  for (const one of rows) if (!living.includes(one)) drop.run(one.id);
  return living;
}

/**
 * Deletes directories that no row names. One that a living process made stays; one that a living process may still know from a row that has gone since
 * it opened the store stays as well, until that process ends. Returns the names of those to delete; their rows are gone when it returns.
 */
function condemned(
  database: DatabaseSync,
  { boot, without }: { readonly boot: string; readonly without: string | null },
): string[] {
  return transaction(database, () => {
    const living = livingSessions(database, boot).filter((one) => one.id !== without);
    dropOrphans(database);
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
  });
}

/** Instances whose parent instance has gone can never be found again. Ids of roots, copies and presses are longer and have no rows. */
function dropOrphans(database: DatabaseSync): void {
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
  { root, boot, without }: { readonly root: string; readonly boot: string; readonly without: string | null },
): number {
  const dead = condemned(database, { boot, without });
  for (const name of dead) rmSync(join(root, 'layers', name), { recursive: true, force: true });
  const alone = livingSessions(database, boot).every((one) => one.id === without);
  if (alone) removeUnknown(database, root);
  return dead.length;
}

/** With nobody else about: directories without a row (a kill between making one and noting it), and unused parts of used ones. */
function removeUnknown(database: DatabaseSync, root: string): void {
  const known = new Set(
    (database.prepare('select name from directories').all() as unknown as { name: string }[]).map((one) => one.name),
  );
  const used = usedPaths(database);
  for (const name of readdirSync(join(root, 'layers'))) {
    if (!known.has(name)) rmSync(join(root, 'layers', name), { recursive: true, force: true });
    else prune(root, `layers/${name}`, used);
  }
}

/** Deletes everything below a path that is neither used nor on the way to something used. */
function prune(root: string, path: string, used: ReadonlySet<string>): void {
  if (used.has(path)) return;
  const below = [...used].filter((one) => one.startsWith(`${path}/`));
  if (below.length === 0) {
    rmSync(join(root, path), { recursive: true, force: true });
    return;
  }
  for (const name of readdirSync(join(root, path))) prune(root, `${path}/${name}`, new Set(below));
}
