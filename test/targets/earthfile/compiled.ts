import { compile } from '../../../src/compile/compile.ts';
import type { Diagnostic } from '../../../src/diagnostics/diagnostic.ts';
import { checkEarthfile } from '../../../src/earthfile/check.ts';
import { parseEarthfile } from '../../../src/earthfile/parse.ts';
import { checkSupport, type OutputFile } from '../../../src/target.ts';
import { earthfile } from '../../../targets/earthfile/earthfile.ts';
import { type MemoryEntry, MemoryRepo } from '../../support/memory-repo.ts';

/** What `layer compile --target earthfile` makes of a repository in memory; no files where anything is an error. */
export async function compiled(
  entries: Readonly<Record<string, MemoryEntry>>,
): Promise<{ readonly found: readonly Diagnostic[]; readonly files: readonly OutputFile[] | null }> {
  const { plan, diagnostics } = await compile(new MemoryRepo(entries));
  if (plan === null) return { found: diagnostics, files: null };
  const ignored = entries['.layerignore'];
  const layerignore = ignored === undefined ? null : Buffer.from(ignored as string | Uint8Array).toString();
  const target = earthfile({ layerignore });
  const found = [...target.check(plan), ...checkSupport(plan, target)];
  return { found, files: found.some(({ severity }) => severity === 'error') ? null : target.emit(plan) };
}

/** The text of a file that was emitted. */
export function textOf(files: readonly OutputFile[] | null, path = 'Earthfile'): string {
  const file = files?.find((one) => one.path === path);
  if (file === undefined) throw new Error(`${path} was not emitted`);
  return file.content;
}

/** Everything that our own front end says of an Earthfile. */
export function faults(text: string): readonly string[] {
  const { ast, diagnostics } = parseEarthfile({ path: 'Earthfile', text });
  return [...diagnostics, ...checkEarthfile(ast)].map(({ code, message }) => `${code}: ${message}`);
}
