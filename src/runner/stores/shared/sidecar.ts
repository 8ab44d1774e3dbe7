import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Blob } from '../../remote.ts';

/** What this machine knows of layers that it shares, from run to run: so that none is packed or fetched twice. */
export interface Sidecar extends Disposable {
  /** Where a layer with this digest is; null where this machine never had it. It may be gone by now. */
  pathOf(digest: string): string | null;
  archiveOf(path: string): { readonly digest: string; readonly pieces: readonly Blob[] } | null;
  note(path: string, archive: { readonly digest: string; readonly pieces: readonly Blob[] }): void;
  /** Instances of other machines that were retired on this one. */
  retired(id: string): boolean;
  retire(id: string): void;
}

/** Opens what is known beside a store. `pieceBytes` is how archives are cut. */
export function openSidecar(directory: string, pieceBytes: number): Sidecar {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(join(directory, 'shared-1.db'), { timeout: 10_000 });
  database.exec(`pragma journal_mode = wal; pragma synchronous = normal;
    create table if not exists layers (path text primary key, digest text not null, cut text not null, pieces text not null) strict;
    create index if not exists layers_digest on layers (digest);
    create table if not exists retired (id text primary key) strict;`);
  const cut = String(pieceBytes);
  return {
    pathOf(digest) {
      const row = database.prepare('select path from layers where digest = ? order by rowid desc').get(digest);
      return (row as { path: string } | undefined)?.path ?? null;
    },
    archiveOf(path) {
      const row = database.prepare('select digest, pieces from layers where path = ? and cut = ?').get(path, cut);
      const found = row as { digest: string; pieces: string } | undefined;
      return found ? { digest: found.digest, pieces: JSON.parse(found.pieces) as readonly Blob[] } : null;
    },
    note(path, { digest, pieces }) {
      const kept = pieces.map(({ digest: one, sizeBytes }) => ({ digest: one, sizeBytes }));
      database
        .prepare('insert or replace into layers values (?, ?, ?, ?)')
        .run(path, digest, cut, JSON.stringify(kept));
    },
    retired: (id) => database.prepare('select 1 from retired where id = ?').get(id) !== undefined,
    retire: (id) => void database.prepare('insert or ignore into retired values (?)').run(id),
    [Symbol.dispose]: () => database.close(),
  };
}
