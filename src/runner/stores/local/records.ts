import type { DatabaseSync } from 'node:sqlite';
import type { Records } from '../../inspect/records.ts';
import { fromRow, type InstanceRow } from './instance-rows.ts';

/** Questions about rows that no run asks. */
export function openRecords(database: DatabaseSync, root: string): Records {
  return {
    async named(prefix) {
      if (!/^[0-9a-f]+$/.test(prefix)) return [];
      const rows = database
        .prepare(`select * from instances where id >= ? and id < ? order by sequence desc limit 6`)
        .all(prefix, `${prefix}g`) as unknown as InstanceRow[];
      return rows.map((row) => fromRow(row, root));
    },
    async lastDuration(layer, title) {
      const row = database
        .prepare(
          'select duration_ms from instances where layer = ? and title = ? and exit_code = 0 order by sequence desc limit 1',
        )
        .get(layer, title) as { duration_ms: number } | undefined;
      return row?.duration_ms ?? null;
    },
    async lastJob() {
      const row = database.prepare(`select value from meta where key = 'jobs'`).get() as { value: string };
      return Number(row.value);
    },
  };
}
