import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { diskUsage } from './disk-usage.ts';

/** Directories whose parts never change once they are made: what they take is measured once, and remembered. */
const settled = (format: string): readonly string[] => [`${format}/layers`, 'bases'];

/** Among them the one that is added to: what virtual machines begin from. */
const growing = 'bases/guests';

/**
 * Bytes of a store's directory, file by file only for what is new since it was last asked. A file with names in two parts counts twice. `changing` are parts
 * that another process may still write into; nothing of them is remembered.
 */
export async function roughBytes(
  database: DatabaseSync,
  {
    directory,
    format,
    changing,
  }: { readonly directory: string; readonly format: string; readonly changing: ReadonlySet<string> },
): Promise<number> {
  const row = database.prepare(`select value from meta where key = 'sizes'`).get() as { value: string } | undefined;
  const known = row === undefined ? {} : (JSON.parse(row.value) as Readonly<Record<string, number>>);
  const deep = settled(format);
  const parts = deep
    .flatMap((one) => names(join(directory, one)).map((name) => `${one}/${name}`))
    .filter((one) => one !== growing);
  const rest = names(directory)
    .flatMap((name) => (name === format ? names(join(directory, format)).map((one) => `${format}/${one}`) : [name]))
    .filter((name) => !deep.includes(name))
    .concat(growing);
  const asked = [...parts.filter((one) => known[one] === undefined || changing.has(one)), ...rest];
  const measured = await diskUsage(asked, { cwd: directory });
  const bytesOf = (one: string): number => measured.get(one) ?? known[one] ?? 0;
  const sizes = Object.fromEntries(parts.filter((one) => !changing.has(one)).map((one) => [one, bytesOf(one)]));
  const text = JSON.stringify(sizes);
  if (text !== row?.value) database.prepare(`insert or replace into meta values ('sizes', ?)`).run(text);
  return [...parts, ...rest].reduce((sum, one) => sum + bytesOf(one), 0);
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
