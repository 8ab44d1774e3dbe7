import type { RepoPath } from '../../src/host.ts';
import { resolveSource } from '../../src/ir/sources.ts';
import { parse } from '../../src/syntax/parse.ts';
import type { MemoryEntry } from './memory-repo.ts';

/** What is a directory in the repositories of ../shared/corpus; everything else that they name is a file. */
const directories = new Set(['bootstrap', 'FE', 'example']);

/** A repository with the Layerfile and the files that its instructions name. */
export function surroundings(text: string): Record<string, MemoryEntry> {
  const entries: Record<string, MemoryEntry> = { Layerfile: text };
  const put = (source: string, entry: MemoryEntry): void => {
    const resolved = resolveSource('' as RepoPath, source);
    if (resolved === 'outside' || resolved.path === '' || resolved.path in entries) return;
    if (directories.has(resolved.path)) entries[`${resolved.path}/file`] ??= entry;
    else entries[resolved.path] = entry;
  };
  for (const line of parse({ path: 'Layerfile', text }).ast.lines) {
    if (line.kind === 'copy') for (const word of line.words.slice(0, -1)) put(word.value, '');
    if (line.kind === 'setupFile') for (const word of line.paths) put(word.value, '');
    if (line.kind === 'wait')
      for (const word of line.layerfiles) put(`${word.value}/Layerfile`, 'FROM vm/ubuntu:22.04\n');
    const parent = line.kind === 'from' && /^[./]/.test(line.source?.value ?? '') ? line.source?.value : undefined;
    if (parent !== undefined) put(`${parent}/Layerfile`, 'FROM vm/ubuntu:22.04\n');
  }
  return entries;
}
