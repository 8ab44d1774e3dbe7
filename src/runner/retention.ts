import type { InstanceId } from './store.ts';

/**
 * How dear something is to keep, the first to go first: the machine in which a step failed; a state that a newer one of the same instruction has replaced; the newest of its instruction;
 * the newest of what EXPOSE shows; what a person has pinned, which never goes.
 */
export const tiers = ['failed', 'superseded', 'newest', 'preview', 'pinned'] as const;
export type Tier = (typeof tiers)[number];

/** Something that holds directories of the store: a snapshot, or the saved content of a CACHE path. */
export interface Held {
  readonly kind: 'snapshot' | 'volume';
  readonly id: string;
  readonly repository: string;
  /** The Layerfile's id, or the branch that a volume was saved on. */
  readonly layer: string;
  /** The instruction, or `CACHE <path>`. */
  readonly title: string;
  readonly tier: Tier;
  /** The pin's name; null where there is none. */
  readonly pin: string | null;
  /** A secret could be in it: it never leaves this machine. */
  readonly tainted: boolean;
  /** Milliseconds since 1970. */
  readonly usedAt: number;
  /** Directories that it stands on, relative to the store's; others may stand on them too. */
  readonly paths: readonly string[];
}

/** Something beside the snapshots. `unused`: nothing refers to it, it goes when the runs that live now have ended. */
export interface Side {
  readonly kind: 'base' | 'guest' | 'blobs' | 'mirror' | 'stats' | 'unused' | 'older format' | 'database';
  /** Relative to the store's directory. */
  readonly path: string;
  readonly bytes: number;
  readonly usedAt: number;
  /** Whether it may go: it can be made again and nothing that is left stands on it. */
  readonly spare: boolean;
}

/** All that a store holds. */
export interface Holdings {
  readonly held: readonly Held[];
  /** Bytes on disk by path; a hard link counts where it is met first. */
  readonly bytes: ReadonlyMap<string, number>;
  readonly sides: readonly Side[];
  /** Steps that are remembered without a snapshot: they are skipped, but no run resumes there. */
  readonly rows: number;
  /** Where the working tree of a repository was seen last, by the repository's id. */
  readonly roots: ReadonlyMap<string, string>;
  /** Other processes that use the store now. */
  readonly others: number;
}

/** What `prune` takes away. */
export interface Removal {
  /** These lose what they hold; that their steps ran is still known. */
  readonly held: readonly Held[];
  /** These are forgotten altogether. */
  readonly forgotten: readonly string[];
  readonly sides: readonly Side[];
}

export interface Retention {
  holdings(): Promise<Holdings>;
  /** About what the store takes, in bytes, without a look at what was measured before: never less than `holdings` would say, where nobody else has deleted something. */
  roughBytes(): Promise<number>;
  /** What a person has said that the store may take after each run; null where nobody has. */
  limit(): Promise<Limit | null>;
  /** Null: nobody has said anything. */
  setLimit(limit: Limit | null): Promise<void>;
  /** Takes away what was chosen; `left` are sides that stayed because another process uses the store. What such a process uses stays until it has ended. */
  remove(removal: Removal): Promise<{ readonly left: readonly Side[] }>;
  /** Keeps a snapshot, and that the steps before it (`trail`) ran, until it is unpinned. */
  pin(pin: { readonly id: InstanceId; readonly name: string; readonly trail: readonly InstanceId[] }): Promise<void>;
  /** Lets pins of this name, or of ids that begin so, go; their names. */
  unpin(word: string): Promise<readonly string[]>;
}

/** How much a store may take, in bytes; `none`: as much as there is. */
export type Limit = number | 'none';

export interface PruneOrder {
  /** The store is to hold no more than this; null for no limit. */
  readonly keepBytes: number | null;
  /** What was not used since goes in any case; milliseconds since 1970, null for nothing. */
  readonly usedBefore: number | null;
}

/** What a prune would do, and what the store holds then. */
export interface Pruning {
  readonly removal: Removal;
  readonly beforeBytes: number;
  readonly afterBytes: number;
}

/** Bytes of everything. */
export function totalBytes({ bytes, sides }: Pick<Holdings, 'bytes' | 'sides'>): number {
  return [...bytes.values()].reduce(sum, 0) + sides.reduce((all, one) => all + one.bytes, 0);
}

/**
 * Chooses what goes: first what was not used for too long, then spare things, then by tiers the least recently used, until the store is small enough.
 * A directory goes when nothing that stays stands on it; whatever would free nothing stays.
 */
export function choosePruning(holdings: Holdings, order: PruneOrder): Pruning {
  const beforeBytes = totalBytes(holdings);
  const references = new Map<string, number>();
  for (const one of holdings.held) for (const path of one.paths) references.set(path, (references.get(path) ?? 0) + 1);
  let left = beforeBytes;
  const release = (one: Held): void => {
    for (const path of one.paths) {
      const count = (references.get(path) ?? 0) - 1;
      references.set(path, count);
      if (count === 0) left -= holdings.bytes.get(path) ?? 0;
    }
  };
  const stale = (one: { readonly usedAt: number }): boolean =>
    order.usedBefore !== null && one.usedAt < order.usedBefore;
  const isOver = (): boolean => order.keepBytes !== null && left > order.keepBytes;

  const movable = holdings.held.filter((one) => one.tier !== 'pinned');
  const old = movable.filter(stale);
  for (const one of old) release(one);
  const sides: Side[] = [];
  const spare = holdings.sides.filter((one) => one.spare).sort((a, b) => a.usedAt - b.usedAt);
  for (const one of spare) {
    if (!stale(one) && !isOver()) continue;
    sides.push(one);
    left -= one.bytes;
  }
  const chosen: Held[] = [];
  for (const one of movable.filter((held) => !stale(held)).sort(byWorth)) {
    if (!isOver()) break;
    chosen.push(one);
    release(one);
  }
  const needed = chosen.toReversed().filter((one) => {
    const frees = one.paths.some((path) => references.get(path) === 0 && (holdings.bytes.get(path) ?? 0) > 0);
    if (!frees) for (const path of one.paths) references.set(path, (references.get(path) ?? 0) + 1);
    return frees;
  });
  return {
    removal: { held: [...old, ...needed.toReversed()], forgotten: old.map((one) => one.id), sides },
    beforeBytes,
    afterBytes: left,
  };
}

/** The cheapest to lose first; of what was used at the same time, that which stands on the most. */
function byWorth(a: Held, b: Held): number {
  return (
    tiers.indexOf(a.tier) - tiers.indexOf(b.tier) ||
    a.usedAt - b.usedAt ||
    b.paths.length - a.paths.length ||
    (a.id < b.id ? -1 : 1)
  );
}

function sum(a: number, b: number): number {
  return a + b;
}
