import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { choosePruning, totalBytes, type Limit, type Retention } from '../runner/retention.ts';
import { readSize, sizeText } from './size.ts';

/** Of its file system, where nobody has said anything. */
const ownShare = 0.25;

/** A store that is over its limit becomes this much smaller than it, so that not every run has to make room. */
const slack = 0.9;

export interface Housekeeping {
  readonly store: Pick<Retention, 'holdings' | 'roughBytes' | 'limit' | 'remove'>;
  /** The store's. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What a store may take: `LAYER_STORE_LIMIT`, else what `layer prune --limit` has said, else a quarter of the disk. `problem`: the variable says nothing of the kind. */
export async function limitOf({
  store,
  directory,
  environment,
}: Pick<Housekeeping, 'directory' | 'environment'> & { readonly store: Pick<Retention, 'limit'> }): Promise<
  { readonly limit: Limit } | { readonly problem: string }
> {
  const given = environment['LAYER_STORE_LIMIT'];
  if (given) {
    const limit = readLimit(given);
    if (limit !== null) return { limit };
    return { problem: `LAYER_STORE_LIMIT wants a size such as 20G, or none; it has ${JSON.stringify(given)}` };
  }
  return { limit: (await store.limit()) ?? Math.round(diskBytes(directory) * ownShare) };
}

/** `20G`, or `none`; null where it is neither. */
export function readLimit(typed: string): Limit | null {
  return typed === 'none' ? 'none' : readSize(typed);
}

/** After a run: brings a store that is over its limit below it; what was done, as a sentence, or null. What living processes use stays. */
export async function makeRoom({ store, directory, environment }: Housekeeping): Promise<string | null> {
  const found = await limitOf({ store, directory, environment });
  if ('problem' in found) return found.problem;
  const { limit } = found;
  if (limit === 'none' || (await store.roughBytes()) <= limit) return null;
  const holdings = await store.holdings();
  const chosen = choosePruning(holdings, { keepBytes: Math.floor(limit * slack), usedBefore: null });
  if (totalBytes(holdings) <= limit) return null;
  const { left } = await store.remove(chosen.removal);
  const { held, sides } = chosen.removal;
  const count = held.length + sides.length - left.length;
  const freed = chosen.beforeBytes - chosen.afterBytes - left.reduce((sum, one) => sum + one.bytes, 0);
  const over = `the store is over its limit of ${sizeText(limit)}`;
  if (count === 0) return `${over}, and nothing in it may go; layer du says what takes the room`;
  const what =
    held.length === 0 ? 'what can be made again' : `${held.length} snapshots and caches, the cheapest to lose`;
  return `${over}: removed ${what} (${sizeText(freed)}); layer prune --limit or LAYER_STORE_LIMIT says how much it may take`;
}

function diskBytes(directory: string): number {
  let there = directory;
  while (!existsSync(there)) there = dirname(there);
  const { blocks, bsize } = statfsSync(there);
  return blocks * bsize;
}
