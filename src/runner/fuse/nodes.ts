import type { GuestPath } from '../../host.ts';
import { rootNode } from './protocol.ts';
import type { FrozenTree } from '../view/tree.ts';
import type { View, ViewEntry } from '../view/view.ts';

/** A view and where its bytes come from. */
export interface ServedView {
  readonly view: View;
  readonly tree: FrozenTree;
}

/** What a nodeid stands for: the mount's root, one path of one view, or what a view once showed that is shown no more. */
export interface Node {
  /** The nodeid: the row in the table, never used for anything else. */
  readonly id: number;
  readonly parent: Node | null;
  /** Null at the mount's root, and for what is shown no more. */
  readonly served: ServedView | null;
  readonly path: GuestPath;
  /** Null where `served` is. */
  readonly entry: ViewEntry | null;
  /** The same for a path in every run: names a file to programs that print or compare inode numbers. */
  readonly inode: number;
  /** Of its path; those of what lies below go on from it. */
  readonly hash: PathHash;
  /** Whether what is seen here depends on the tree: at the destination and below. */
  readonly observed: boolean;
  /** The kinds of observation made of it already, as bits of `Recorder`. */
  seen: number;
  /** Names in it that were looked up and are not there. */
  absent: Set<string> | null;
  /** Children that were looked up, by name. */
  children: Map<string, Node> | null;
}

/**
 * The append-only table of nodes. A row is made when a name is first looked up, so a view costs nothing until it is used;
 * rows live as long as the mount, so FORGET needs no care.
 */
export class NodeTable {
  readonly #rows: Node[];
  readonly #root: Node;

  /** All rows; the nodeid of the first is `rootNode`, and so on. */
  get rows(): readonly Node[] {
    return this.#rows;
  }

  constructor() {
    this.#root = {
      id: rootNode,
      parent: null,
      served: null,
      path: '/' as GuestPath,
      entry: null,
      inode: rootNode,
      hash: hashOfView(null),
      observed: false,
      seen: 0,
      absent: null,
      children: new Map(),
    };
    this.#rows = [this.#root];
  }

  /** Makes a view a directory of the mount's root. A name is given once. */
  addView(served: ServedView, name = String(served.view.spec.ordinal)): void {
    const { destination } = served.view.spec;
    if (this.#root.children?.has(name)) throw new Error(`view ${name} is already served`);
    const path = '/' as GuestPath;
    const entry = served.view.entry(path);
    if (entry === null) throw new Error(`view ${name} has no root`);
    this.#append(this.#root, name, { served, path, entry, observed: destination === '/' });
  }

  /** Takes up a nodeid whose view is shown no more: nobody may ask for it. */
  addRetired(): void {
    const path = '/' as GuestPath;
    const facts = { served: null, path, entry: null, inode: 0, hash: hashOfView(null), observed: false };
    const id = rootNode + this.#rows.length;
    this.#rows.push({ id, parent: this.#root, ...facts, seen: 0, absent: null, children: null });
  }

  /** The name of a view in the mount's root. */
  nameOf(view: Node): string {
    for (const [name, node] of this.#root.children ?? []) if (node === view) return name;
    return '';
  }

  node(id: number): Node | null {
    return this.#rows[id - rootNode] ?? null;
  }

  /** The node of a name in a directory; null where the view has nothing. */
  child(parent: Node, name: string): Node | null {
    const known = parent.children?.get(name);
    if (known !== undefined) return known;
    const { served } = parent;
    if (served === null || parent.entry?.kind !== 'directory') return null;
    const path = childPath(parent, name);
    const entry = served.view.entry(path);
    if (entry === null) return null;
    const observed = parent.observed || path === served.view.spec.destination;
    return this.#append(parent, name, { served, path, entry, observed });
  }

  #append(parent: Node, name: string, facts: Pick<Node, 'served' | 'path' | 'entry' | 'observed'>): Node {
    const { served, path, entry, observed } = facts;
    const hash = parent.served === null ? hashBelow(hashOfView(served), '') : hashBelow(parent.hash, name);
    const node: Node = {
      id: rootNode + this.#rows.length,
      parent,
      served,
      path,
      entry,
      inode: inodeOf(hash),
      hash,
      observed,
      seen: 0,
      absent: null,
      children: null,
    };
    this.#rows.push(node);
    (parent.children ??= new Map()).set(name, node);
    return node;
  }
}

export function childPath(parent: Node, name: string): GuestPath {
  return (parent.path === '/' ? `/${name}` : `${parent.path}/${name}`) as GuestPath;
}

/** A hash of a view and a path: two FNV-1a lanes, mixed. */
interface PathHash {
  readonly low: number;
  readonly high: number;
  /** At a view's root, where the first `/` stands already. */
  readonly atRoot: boolean;
}

function hashOfView(served: ServedView | null): PathHash {
  return { low: 0x811c9dc5 ^ (served?.view.spec.ordinal ?? -1), high: 0x2f3c5a17, atRoot: false };
}

/** Of a name in a directory; the empty one is the root of a view. */
function hashBelow(above: PathHash, name: string): PathHash {
  let { low, high } = above;
  const text = above.atRoot ? name : `/${name}`;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b) ^ (low >>> 15);
  }
  return { low, high, atRoot: name === '' };
}

function inodeOf({ low, high }: PathHash): number {
  return Math.max(rootNode + 1, (high & 0xfffff) * 0x1_0000_0000 + (low >>> 0));
}

/** The 52-bit inode number of a name in a directory, equal in LOOKUP, GETATTR and READDIR; never 0 or the root's. */
export function inodeBelow(parent: Node, name: string): number {
  return inodeOf(hashBelow(parent.hash, name));
}
