import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { StackEntry } from '../../driver.ts';
import type { KeyPart } from '../../key.ts';
import type { MachineState } from '../../state.ts';
import type { Instance, InstanceId, MtimeTable, SnapshotData, StepKey } from '../../store.ts';
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
}

/** An instance as columns; directories become relative to the store's. */
export function toRow(instance: Instance, root: string): InstanceRow {
  return {
    id: instance.id,
    parent: instance.parent,
    key: instance.key,
    first: instance.first ? 1 : 0,
    parts: JSON.stringify(instance.keyParts),
    title: instance.title,
    layer: instance.layer,
    observations: packObservations(instance.observations),
    state: JSON.stringify(instance.state),
    view: instance.view === null ? null : JSON.stringify(instance.view),
    exit_code: instance.exitCode,
    output_tail: instance.outputTail,
    duration_ms: instance.durationMs,
    created_at: instance.createdAt,
    used_at: instance.usedAt,
    data: instance.data === null ? null : JSON.stringify(relativeData(instance.data, root)),
    not_kept: instance.notKept,
  };
}

/** The instance again. One whose files are gone is left as a row without data. */
export function fromRow(row: InstanceRow, root: string): Instance {
  const data = row.data === null ? null : absoluteData(JSON.parse(row.data) as SnapshotData, root);
  const there = data !== null && layerPaths(data).every((path) => existsSync(path));
  return {
    id: row.id as InstanceId,
    parent: row.parent as InstanceId,
    key: row.key as StepKey,
    first: row.first === 1,
    keyParts: JSON.parse(row.parts) as readonly KeyPart[],
    title: row.title,
    layer: row.layer,
    observations: unpackObservations(row.observations),
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

/** The directories that a snapshot stands on. */
export function layerPaths(data: SnapshotData): readonly string[] {
  return data.stack.flatMap((entry) => (entry.kind === 'layer' ? [entry.directory] : []));
}

function relativeData(data: SnapshotData, root: string): SnapshotData {
  return mapLayers(data, (path) => relative(root, path));
}

function absoluteData(data: SnapshotData, root: string): SnapshotData {
  return mapLayers(data, (path) => join(root, path));
}

function mapLayers(data: SnapshotData, change: (path: string) => string): SnapshotData {
  const stack = data.stack.map((entry): StackEntry =>
    entry.kind === 'layer' ? { ...entry, directory: change(entry.directory) } : entry,
  );
  return { stack, mtimes: data.mtimes as MtimeTable | null };
}
