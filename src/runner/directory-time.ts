import type { MtimeTable } from './store.ts';

/** Stands for a tree in the table of a saved state: what directories showed. No tree is called so. */
const entry = 'directories';

/**
 * What directories of the repository show in a machine made from states with these tables, seconds since 1970: later, also to who looks at whole seconds
 * only, than everything these states hold or have shown. So nothing that an earlier machine knew of a directory is trusted without looking again.
 */
export function directorySeconds(tables: readonly MtimeTable[], nowMs: number): number {
  const shown = tables.flatMap((table) => table[entry]?.['']?.[1] ?? []).map(Number);
  return laterSeconds(Math.max(0, ...shown), nowMs);
}

/**
 * What directories show where something was laid into them while the machine was at work (a volume, a COPY under processes), instead of `shown`: later than
 * what steps have written, so that what was known of them before, in this machine too, is not trusted.
 */
export function laterSeconds(shown: number, nowMs: number): number {
  return 1 + Math.max(Math.floor(nowMs / 1000), shown);
}

/**
 * What files that are new in a run show, nanoseconds since 1970: when it began, but later, also to who looks at whole seconds only, than all that was
 * made by then of what they held before. Another run may have saved that while this one was under way already, by another clock, or in the same second.
 */
export function freshNs(startNs: bigint, madeMs: readonly number[]): bigint {
  const after = BigInt(1 + Math.floor(Math.max(0, ...madeMs) / 1000)) * 1_000_000_000n;
  return startNs > after ? startNs : after;
}

/** The table with what directories show. */
export function withDirectorySeconds(table: MtimeTable, seconds: number): MtimeTable {
  return { ...table, [entry]: { '': ['directory', String(seconds)] } };
}
