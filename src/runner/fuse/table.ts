import type { FrozenTree } from '../view/tree.ts';
import type { View } from '../view/view.ts';
import type { Node, NodeTable } from './nodes.ts';
import { rootNode } from './protocol.ts';
import { recorded } from './recorder.ts';

/**
 * What a kernel that goes on in another life still knows of a view server: the names it has looked up, under which nodeids, and what was recorded of
 * them. JSON; kept with a snapshot of the machine's memory.
 *
 * Why a restored machine may use what its kernel remembers. Whatever a kernel has cached of a view (a name, an absence, attributes, a listing, a
 * link's target, pages) it got in reply to a request of some step, and that request was recorded in that step's observations, or in those of an earlier
 * one of the same machine. A snapshot is used only where the observations of *all* steps up to it hold on the files of today. So every cached fact
 * is a fact of today too, and a later step that uses one without asking is covered by the observations of the steps before it, which its own result
 * stands on as well. That is also why what was seen before the snapshot (`seen`, `absent`) is not recorded again after it, and everything else is.
 *
 * One thing a reply says beyond what it is recorded for: where times are kept for programs that trust them, a reply carries a time, which counts for
 * nothing. Where it is another today (or the size, which no result that holds allows), the kernel is told to forget the name.
 *
 * Where a machine goes on although its observations no longer hold (RUN REPEATABLE), nothing of this is so: every view is shown anew, under another name
 * of the mount's root, and the rows of before are only kept so that no nodeid stands for two things.
 */
export interface ViewTable {
  readonly format: 1;
  readonly mtime: 'plain' | 'persistent';
  /** From the mount's root on, each after its parent. */
  readonly rows: readonly SavedRow[];
}

/** One nodeid. Tuples, because there is one for each path that was ever looked at. */
type SavedRow = readonly [
  /** Index of the parent's row; the mount's root is its own. */
  parent: number,
  name: string,
  /** Null for what is shown no more, and at the root. */
  kind: 'file' | 'directory' | 'link' | null,
  mode: number,
  sizeBytes: number,
  /** Nanoseconds since 1970, where files show times of their own; else empty. */
  time: string,
  /** Bits of what was recorded of it already. */
  seen: number,
  /** Names in it that were looked up in vain, and recorded. */
  absent: readonly string[],
];

/** A name of which the kernel may hold a size or a time that is no longer so. */
export interface StaleName {
  readonly parent: number;
  readonly name: string;
  readonly node: number;
}

type TimeOf = (node: Node) => bigint | null;

/** The table as it stands. */
export function saveTable(
  nodes: NodeTable,
  { mtime, timeOf }: { readonly mtime: ViewTable['mtime']; readonly timeOf: TimeOf },
): ViewTable {
  const rows = nodes.rows.map((node): SavedRow => {
    const { parent, entry } = node;
    const name = parent === null || entry === null ? '' : nameIn(node, nodes);
    return [
      ...([(parent?.id ?? rootNode) - rootNode, name, entry?.kind ?? null, entry?.mode ?? 0] as const),
      ...([entry?.sizeBytes ?? 0, String(timeOf(node) ?? ''), node.seen, [...(node.absent ?? [])]] as const),
    ];
  });
  return { format: 1, mtime, rows };
}

/**
 * Fills an empty table with the rows of a saved one, on the views of today. Every row must still be what it was in kind and mode, and every absence
 * an absence: the observations of the snapshot say so, and where they do not, something is wrong with one or the other and nothing may be served.
 */
export function takeUpTable(
  table: ViewTable,
  {
    nodes,
    views,
    timeOf,
  }: {
    readonly nodes: NodeTable;
    readonly views: readonly { readonly view: View; readonly tree: FrozenTree }[];
    readonly timeOf: TimeOf;
  },
): { readonly stale: readonly StaleName[] } | { readonly wrong: string } {
  if (!isTable(table)) return { wrong: 'its table of views is damaged' };
  const byOrdinal = new Map(views.map((one) => [String(one.view.spec.ordinal), one]));
  const stale: StaleName[] = [];
  for (const [index, row] of table.rows.entries()) {
    const [parentIndex, name, kind, mode, sizeBytes, time, seen, absent] = row;
    if (index === 0) continue;
    if (kind === null) {
      nodes.addRetired();
      continue;
    }
    const parent = nodes.node(parentIndex + rootNode);
    if (parent === null) return { wrong: 'its table of views is damaged' };
    if (parent.id === rootNode) {
      const served = byOrdinal.get(String(ordinalOf(name)));
      if (served === undefined) return { wrong: `it shows a view ${name} that this run has not` };
      nodes.addView(served, name);
    }
    const node = nodes.child(parent, name);
    if (node === null) return { wrong: `it knows ${pathOf(parent, name)}, which is not there` };
    if (node.id !== index + rootNode) return { wrong: 'its table of views is damaged' };
    if (node.entry?.kind !== kind || node.entry.mode !== mode)
      return { wrong: `it knows ${node.path} as another kind of file` };
    node.seen = seen;
    for (const gone of absent) {
      if (nodes.child(node, gone) !== null) return { wrong: `it knows that ${pathOf(node, gone)} was not there` };
    }
    if (absent.length > 0) node.absent = new Set(absent);
    const another = node.entry.sizeBytes !== sizeBytes || String(timeOf(node) ?? '') !== time;
    if (another) stale.push({ parent: parent.id, name, node: node.id });
  }
  return { stale };
}

/** The directories whose attributes the kernel may hold. A name alone brings none that it would show. */
export function askedDirectories({ rows }: NodeTable): readonly number[] {
  const asked = recorded('attributes') | recorded('listing');
  return rows.flatMap(({ id, entry, observed, seen }) =>
    entry?.kind === 'directory' && (!observed || (seen & asked) !== 0) ? [id] : [],
  );
}

/** Which view a directory of the mount's root shows. */
export function ordinalOf(name: string): number {
  return Number(name.split('.')[0]);
}

/** Ordinals of the views that a table shows. */
export function ordinalsIn(table: ViewTable): readonly number[] {
  return table.rows
    .slice(1)
    .flatMap(([parent, name, kind]) => (parent === 0 && kind !== null ? [ordinalOf(name)] : []));
}

/**
 * Fills an empty table with rows that stand for nothing any more, one for each of a saved one; what to call the views that are shown from now on: by
 * names of the mount's root that no kernel knows. Null where the table is damaged.
 */
export function retireTable(table: ViewTable, nodes: NodeTable): ((ordinal: number) => string) | null {
  if (!isTable(table)) return null;
  for (const _ of table.rows.slice(1)) nodes.addRetired();
  return (ordinal) => `${ordinal}.${table.rows.length}`;
}

function nameIn(node: Node, nodes: NodeTable): string {
  if (node.parent?.id === rootNode) return nodes.nameOf(node);
  return node.path.slice(node.path.lastIndexOf('/') + 1);
}

function pathOf(parent: Node, name: string): string {
  return `${parent.path === '/' ? '' : parent.path}/${name}`;
}

function isTable(table: ViewTable): boolean {
  return (
    table.format === 1 &&
    Array.isArray(table.rows) &&
    table.rows.every(
      (row, index) => Array.isArray(row) && row.length === 8 && row[0] >= 0 && (row[0] < index || index === 0),
    )
  );
}
