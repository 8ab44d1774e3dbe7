import type { MtimeTable } from './store.ts';

/** Stands for a tree in the table of a saved state: what directories showed. No tree is called so. */
const entry = 'directories';

/**
 * What directories of the repository show in a machine made from states with these tables, seconds since 1970: later, also to who looks at whole seconds
 * only, than everything these states hold or have shown. So nothing that an earlier machine knew of a directory is trusted without looking again.
 */
export function directorySeconds(tables: readonly MtimeTable[], nowMs: number): number {
  const shown = tables.flatMap((table) => table[entry]?.['']?.[1] ?? []).map(Number);
  return 1 + Math.max(Math.floor(nowMs / 1000), ...shown);
}

/** The table with what directories show. */
export function withDirectorySeconds(table: MtimeTable, seconds: number): MtimeTable {
  return { ...table, [entry]: { '': ['directory', String(seconds)] } };
}
