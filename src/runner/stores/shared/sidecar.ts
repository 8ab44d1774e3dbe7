import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Blob } from '../../remote.ts';
import { openWriteAhead } from '../write-ahead.ts';
import { outbox, outboxSchema, type Outbox } from './outbox.ts';

/** What an archive is called, and the pieces that it is sent in. */
export interface Packed {
  readonly digest: string;
  readonly pieces: readonly Blob[];
}

/** What this machine knows of what it shares, from run to run: so that nothing is packed, fetched or forgotten twice. */
export interface Sidecar extends Outbox, Disposable {
  /** Where a layer with this digest is; null where this machine never had it. It may be gone by now. */
  pathOf(digest: string): string | null;
  archiveOf(path: string): Packed | null;
  note(path: string, archive: Packed): void;
  /** Instances of other machines that were retired on this one. */
  retired(id: string): boolean;
  retire(id: string): void;
  /** Where a volume is; null where this machine never had it. It may be gone by now. */
  volumePath(id: string): string | null;
  /** Notes where a volume is, and what it stems from, the nearest first. */
  noteVolume(id: string, volume: { readonly path: string | null; readonly ancestors: readonly string[] }): void;
  /** What a volume stems from, the nearest first, as far as this machine knows. */
  ancestors(id: string): readonly string[];
}

/** In an index, and here: a snapshot that stands on an older volume than that gets no newer one. */
const mostAncestors = 50;

/** Opens what is known beside a store. `pieceBytes` is how archives are cut. */
export function openSidecar(directory: string, pieceBytes: number): Sidecar {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const database = openWriteAhead(join(directory, 'shared-2.db'));
  database.exec(`create table if not exists layers (path text primary key, digest text not null, cut text not null, pieces text not null) strict;
    create index if not exists layers_digest on layers (digest);
    create table if not exists retired (id text primary key) strict;
    create table if not exists volumes (id text primary key, path text) strict;
    create table if not exists lineage (id text primary key, parent text not null) strict;
    ${outboxSchema}`);
  const cut = String(pieceBytes);
  return {
    ...outbox(database),
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
    volumePath(id) {
      const row = database.prepare('select path from volumes where id = ?').get(id);
      return (row as { path: string | null } | undefined)?.path ?? null;
    },
    noteVolume(id, { path, ancestors }) {
      if (path !== null) database.prepare('insert or replace into volumes values (?, ?)').run(id, path);
      const note = database.prepare('insert or ignore into lineage values (?, ?)');
      for (const [index, parent] of ancestors.entries()) note.run(ancestors[index - 1] ?? id, parent);
    },
    ancestors(id) {
      const parentOf = database.prepare('select parent from lineage where id = ?');
      const found: string[] = [];
      for (let at = id; found.length < mostAncestors;) {
        const row = parentOf.get(at) as { parent: string } | undefined;
        if (row === undefined || found.includes(row.parent)) break;
        found.push(row.parent);
        at = row.parent;
      }
      return found;
    },
    [Symbol.dispose]: () => database.close(),
  };
}
