import type { DatabaseSync } from 'node:sqlite';
import type { RunHistory, RunRecord } from '../../history.ts';
import type { StoreUser } from '../local.ts';
import { transaction, writeFailure } from './database.ts';

/** Runs of a repository that are remembered. */
const runsKept = 20;

/** The runs of one user of the store. Without a user nothing is noted. */
export function openHistory(database: DatabaseSync, user: StoreUser | null): RunHistory {
  return {
    async recordRun(run) {
      if (user === null) return;
      const { repository, root } = user;
      try {
        transaction(database, () => {
          database.prepare('insert or replace into repositories values (?, ?, ?)').run(repository, root, run.endedAt);
          database
            .prepare('insert into runs (repository, job, record) values (?, ?, ?)')
            .run(repository, run.job, JSON.stringify(run));
          database
            .prepare(
              `delete from runs where repository = ? and sequence not in
                 (select sequence from runs where repository = ? order by sequence desc limit ${runsKept})`,
            )
            .run(repository, repository);
        });
      } catch (error) {
        // A full disk: trying again finds an older run, or none.
        if (writeFailure(error) === null) throw error;
      }
    },
    async lastRun(job) {
      const row = database
        .prepare(
          'select record from runs where repository = ? and (? is null or job = ?) order by sequence desc limit 1',
        )
        .get(user?.repository ?? '', job, job) as { record: string } | undefined;
      return row === undefined ? null : (JSON.parse(row.record) as RunRecord);
    },
  };
}
