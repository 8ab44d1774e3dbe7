import { createHmac, hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { KeyPart } from '../../key.ts';
import type { MachineState } from '../../state.ts';
import { directoriesOf, renameDirectories } from '../../snapshot-directories.ts';
import type { Instance, InstanceId, SnapshotData, StepKey } from '../../store.ts';
import type { ViewSpec } from '../../view/view.ts';
import { packObservations, unpackObservations } from '../../packed-observations.ts';

/** A row of `instances`. */
export interface InstanceRow {
  readonly id: string;
  readonly parent: string;
  readonly key: string;
  readonly first: number;
  readonly parts: string;
  readonly title: string;
  readonly layer: string;
  readonly observations: string;
  readonly state: string;
  readonly view: string | null;
  readonly exit_code: number;
  readonly output_tail: string;
  readonly duration_ms: number;
  readonly created_at: number;
  readonly used_at: number;
  readonly data: string | null;
  readonly not_kept: string | null;
  readonly repository: string;
  readonly scope: string;
  /** Of what never changes in a row. */
  readonly mac: string;
  /** Of `data`, which may come later and go. */
  readonly data_mac: string | null;
}

/** Whose row it is, and with what it is sealed. */
export interface RowSeal {
  readonly repository: string;
  readonly scope: string;
  /** Hex. */
  readonly key: string;
}

/** An instance as columns; directories become relative to the store's. */
export function toRow(
  instance: Instance,
  { root, seal }: { readonly root: string; readonly seal: RowSeal },
): InstanceRow {
  const columns = {
    id: instance.id,
    parent: instance.parent,
    key: instance.key,
    first: instance.first ? 1 : 0,
    parts: JSON.stringify(instance.keyParts),
    // As SQLite keeps text: half of a character that was cut becomes a mark.
    title: instance.title.toWellFormed(),
    layer: instance.layer.toWellFormed(),
    observations: packObservations(instance.observations),
    state: JSON.stringify(instance.state),
    view: instance.view === null ? null : JSON.stringify(instance.view),
    exit_code: instance.exitCode,
    output_tail: instance.outputTail.toWellFormed(),
    duration_ms: instance.durationMs,
    created_at: instance.createdAt,
    used_at: instance.usedAt,
    data: instance.data === null ? null : JSON.stringify(relativeData(instance.data, root)),
    not_kept: instance.notKept,
    repository: seal.repository,
    scope: seal.scope,
  };
  return {
    ...columns,
    mac: macOf(columns, seal.key),
    data_mac: columns.data === null ? null : dataMacOf({ id: columns.id, data: columns.data }, seal.key),
  };
}

/** Whether a row is as it was written: what a disk, or somebody, has changed is nobody's result. */
export function isIntact(row: InstanceRow, key: string): boolean {
  if (row.mac !== macOf(row, key)) return false;
  return row.data === null || row.data_mac === dataMacOf({ id: row.id, data: row.data }, key);
}

function macOf(row: Omit<InstanceRow, 'mac' | 'data_mac'>, key: string): string {
  // There may be a megabyte of them.
  const observations = hash('sha256', row.observations);
  return seal(key, [
    ...[row.id, row.parent, row.key, row.first, row.parts, row.title, row.layer, observations, row.state, row.view],
    ...[row.exit_code, row.output_tail, row.duration_ms, row.created_at, row.repository, row.scope],
  ]);
}

function dataMacOf({ id, data }: { readonly id: string; readonly data: string }, key: string): string {
  return seal(key, ['data', id, data]);
}

function seal(key: string, fields: readonly (string | number | null)[]): string {
  return createHmac('sha256', Buffer.from(key, 'hex')).update(JSON.stringify(fields)).digest('hex');
}

/** The instance again. One whose files are gone is left as a row without data. */
export function fromRow(row: InstanceRow, root: string): Instance {
  const data = row.data === null ? null : absoluteData(JSON.parse(row.data) as SnapshotData, root);
  const there = data !== null && directoriesOf(data).every((path) => existsSync(path));
  let observations: Instance['observations'] | null = null;
  return {
    id: row.id as InstanceId,
    parent: row.parent as InstanceId,
    key: row.key as StepKey,
    first: row.first === 1,
    keyParts: JSON.parse(row.parts) as readonly KeyPart[],
    title: row.title,
    layer: row.layer,
    // There may be many, and what they came to may be known.
    get observations() {
      return (observations ??= unpackObservations(row.observations));
    },
    state: JSON.parse(row.state) as MachineState,
    view: row.view === null ? null : (JSON.parse(row.view) as ViewSpec),
    exitCode: row.exit_code,
    outputTail: row.output_tail,
    durationMs: row.duration_ms,
    createdAt: row.created_at,
    usedAt: row.used_at,
    data: there ? data : null,
    notKept: data !== null && !there ? 'its files are gone from the store' : row.not_kept,
  };
}

function relativeData(data: SnapshotData, root: string): SnapshotData {
  return renameDirectories(data, (path) => relative(root, path));
}

function absoluteData(data: SnapshotData, root: string): SnapshotData {
  return renameDirectories(data, (path) => join(root, path));
}
