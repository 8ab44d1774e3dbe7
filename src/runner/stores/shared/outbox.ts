import type { DatabaseSync } from 'node:sqlite';
import type { InstanceId, StepKey } from '../../store.ts';

/** A base machine that nobody has sent yet. */
export interface OfferedBase {
  readonly key: string;
  readonly record: unknown;
  readonly directory: string;
}

/** What is still to be sent for a scope (as text). It outlives the process: what one did not come to, another sends. */
export interface Outbox {
  put(scope: string, instance: { readonly id: InstanceId; readonly key: StepKey }): void;
  waiting(scope: string): readonly { readonly id: InstanceId; readonly key: StepKey }[];
  putBase(scope: string, base: OfferedBase): void;
  waitingBases(scope: string): readonly OfferedBase[];
  /** These are sent, or will never be. */
  clear(scope: string, done: { readonly instances: readonly InstanceId[]; readonly bases: readonly string[] }): void;
}

/** Where a remote store stays out of reach, what was to be sent first is forgotten first. */
const mostWaiting = 3000;

export const outboxSchema = `
  create table if not exists outbox (scope text not null, id text not null, key text not null, primary key (scope, id)) strict;
  create table if not exists outbox_bases (scope text not null, key text not null, base text not null, primary key (scope, key)) strict;`;

/** The outbox in a database that has its schema. */
export function outbox(database: DatabaseSync): Outbox {
  return {
    put(scope, { id, key }) {
      database.prepare('insert or ignore into outbox values (?, ?, ?)').run(scope, id, key);
    },
    waiting(scope) {
      database.prepare('delete from outbox where rowid <= (select max(rowid) from outbox) - ?').run(mostWaiting);
      const rows = database.prepare('select id, key from outbox where scope = ? order by rowid').all(scope);
      return rows as unknown as { id: InstanceId; key: StepKey }[];
    },
    putBase(scope, base) {
      database
        .prepare('insert or replace into outbox_bases values (?, ?, ?)')
        .run(scope, base.key, JSON.stringify(base));
    },
    waitingBases(scope) {
      const rows = database.prepare('select base from outbox_bases where scope = ?').all(scope);
      return (rows as unknown as { base: string }[]).map(({ base }) => JSON.parse(base) as OfferedBase);
    },
    clear(scope, { instances, bases }) {
      const instance = database.prepare('delete from outbox where scope = ? and id = ?');
      for (const id of instances) instance.run(scope, id);
      const base = database.prepare('delete from outbox_bases where scope = ? and key = ?');
      for (const key of bases) base.run(scope, key);
    },
  };
}
