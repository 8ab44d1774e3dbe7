import {
  tiers,
  totalBytes,
  type Held,
  type Holdings,
  type Limit,
  type Side,
  type Tier,
} from '../../runner/retention.ts';
import { plainText } from '../../report/text.ts';
import { sizeText } from '../../world/size.ts';

/** What a repository has in a store. Bytes that several share count for the first of them. */
export interface RepositoryUse {
  readonly id: string;
  /** Where its working tree was seen last; null where that is not known. */
  readonly root: string | null;
  readonly bytes: number;
  readonly snapshots: number;
  readonly volumes: number;
}

/** What is shown of a store: programs get it as JSON. */
export interface Use {
  readonly totalBytes: number;
  /** What runs leave it to take; null where that is not known. */
  readonly limit: Limit | null;
  readonly repositories: readonly RepositoryUse[];
  readonly tiers: readonly { readonly tier: Tier; readonly bytes: number; readonly count: number }[];
  /** How many of them were made while a secret was in force. */
  readonly tainted: number;
  readonly pins: readonly { readonly snapshot: string; readonly name: string; readonly title: string }[];
  readonly rest: readonly {
    readonly kind: Side['kind'];
    readonly bytes: number;
    readonly count: number;
    readonly spareBytes: number;
  }[];
  readonly stepsWithoutSnapshot: number;
  readonly otherProcesses: number;
}

/** Sums up what a store holds. */
export function useOf(holdings: Holdings, limit: Limit | null): Use {
  const { held, sides, roots } = holdings;
  const byRepository = shares(held, holdings, (one) => one.repository);
  const byTier = shares(held.toSorted(dearest), holdings, (one) => one.tier);
  const repositories = [...new Set(held.map((one) => one.repository))].map((id): RepositoryUse => {
    const own = held.filter((one) => one.repository === id);
    return {
      ...{ id, root: roots.get(id) ?? null, bytes: byRepository.get(id) ?? 0 },
      snapshots: own.filter((one) => one.kind === 'snapshot').length,
      volumes: own.filter((one) => one.kind === 'volume').length,
    };
  });
  const kinds = [...new Set(sides.map((one) => one.kind))];
  return {
    totalBytes: totalBytes(holdings),
    limit,
    repositories: repositories.sort((a, b) => b.bytes - a.bytes),
    tiers: tiers.flatMap((tier) => {
      const count = held.filter((one) => one.tier === tier).length;
      return count === 0 ? [] : [{ tier, bytes: byTier.get(tier) ?? 0, count }];
    }),
    tainted: held.filter((one) => one.tainted).length,
    pins: held.flatMap(({ pin, id, title }) => (pin === null ? [] : [{ snapshot: id, name: pin, title }])),
    rest: kinds.map((kind) => {
      const own = sides.filter((one) => one.kind === kind);
      const bytes = (all: readonly Side[]): number => all.reduce((sum, one) => sum + one.bytes, 0);
      return { kind, bytes: bytes(own), count: own.length, spareBytes: bytes(own.filter((one) => one.spare)) };
    }),
    stepsWithoutSnapshot: holdings.rows,
    otherProcesses: holdings.others,
  };
}

/** Bytes by group; a directory that two groups stand on counts for the first in the list. */
function shares<K>(held: readonly Held[], { bytes }: Holdings, keyOf: (one: Held) => K): ReadonlyMap<K, number> {
  const seen = new Set<string>();
  const sums = new Map<K, number>();
  for (const one of held) {
    for (const path of one.paths) {
      if (seen.has(path)) continue;
      seen.add(path);
      sums.set(keyOf(one), (sums.get(keyOf(one)) ?? 0) + (bytes.get(path) ?? 0));
    }
  }
  return sums;
}

/** What stays longest first: what it stands on does not go with a cheaper one. */
function dearest(a: Held, b: Held): number {
  return tiers.indexOf(b.tier) - tiers.indexOf(a.tier);
}

const tierTexts: { readonly [T in Tier]: string } = {
  failed: 'machines in which a step failed',
  superseded: 'snapshots that newer ones replaced',
  newest: 'the newest snapshot of each instruction, saved caches',
  preview: 'what EXPOSE shows',
  pinned: 'pinned',
};

const sideTexts: { readonly [K in Side['kind']]: string } = {
  base: 'base machines',
  guest: 'what virtual machines begin from: disks, and machines that have booted',
  blobs: 'copies of changed files',
  mirror: 'mirrors of cloned repositories',
  stats: 'known hashes of files',
  unused: 'unused (goes when the runs that live now have ended)',
  'older format': 'stores of other versions of layer',
  database: 'the record of what ran',
};

/** The same for a person, line by line. */
export function useLines(use: Use): readonly string[] {
  const row = (bytes: number, text: string): string => `${sizeText(bytes).padStart(10)}  ${text}`;
  const most = typeof use.limit === 'number' ? ` (runs leave ${sizeText(use.limit)} at most)` : '';
  const lines = [`${sizeText(use.totalBytes)} in all${most}`];
  const section = (title: string, rows: readonly string[]): void => {
    if (rows.length > 0) lines.push('', title, ...rows);
  };
  section(
    'Repositories:',
    use.repositories.map(({ id, root, bytes, snapshots, volumes }) => {
      const volumesText = volumes === 0 ? '' : `, ${counted(volumes, 'saved cache')}`;
      return row(bytes, `${plainText(root ?? (id || 'unknown'))}: ${counted(snapshots, 'snapshot')}${volumesText}`);
    }),
  );
  section(
    'Snapshots, the first to go first:',
    use.tiers.map(({ tier, bytes, count }) => row(bytes, `${count} ${tierTexts[tier]}`)),
  );
  if (use.tainted > 0)
    lines.push(
      '',
      `Tainted: ${use.tainted} of these ${use.tainted === 1 ? 'was' : 'were'} made while a secret was in force and may hold it: they never leave this machine`,
    );
  section(
    'Pins:',
    use.pins.map((one) => `${one.snapshot.slice(0, 8).padStart(10)}  ${plainText(one.name)}: ${plainText(one.title)}`),
  );
  const shown = use.rest.filter((one) => one.bytes > 0);
  section(
    'Beside them:',
    shown.map(({ kind, bytes, count, spareBytes }) => {
      const number = kind === 'base' || kind === 'mirror' ? `${count} ` : '';
      const what = kind === 'base' ? 'no name stands for' : 'nothing stands on';
      const isTold = (kind === 'base' || kind === 'guest') && spareBytes > 0;
      const spare = isTold ? ` (${sizeText(spareBytes)} of it ${what})` : '';
      return row(bytes, `${number}${sideTexts[kind]}${spare}`);
    }),
  );
  if (use.stepsWithoutSnapshot > 0)
    lines.push('', `${counted(use.stepsWithoutSnapshot, 'step')} known to have run, without a snapshot`);
  if (use.otherProcesses > 0) lines.push('', `${counted(use.otherProcesses, 'other process')} using the store now`);
  return lines;
}

function counted(count: number, noun: string): string {
  const many = noun.endsWith('s') ? `${noun}es` : `${noun}s`;
  return `${count} ${count === 1 ? noun : many}`;
}
