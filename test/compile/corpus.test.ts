import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import type { RepoPath } from '../../src/host.ts';
import { resolveSource } from '../../src/ir/sources.ts';
import { parse } from '../../src/syntax/parse.ts';
import { type MemoryEntry, MemoryRepo } from '../support/memory-repo.ts';

const corpus = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));

/** The exact codes that `layer check` finds in real files, in order. Informations are among them. */
const expected: Readonly<Record<string, readonly string[]>> = {
  '3Kmfi6HP+scaling-giggle': ['lint/work-after-secret', 'lint/own-machine'],
  'Aashish-32+React-Django-API': ['syntax/unknown-instruction', 'syntax/unknown-instruction'],
  'BricksConductor+DockTemp': [],
  'ColinChartier+AdminLTE': [],
  'ColinChartier+goodwork': ['lint/bare-base', 'lint/directory-among-sources', 'lint/ampersand'],
  'ColinChartier+layer-kubernetes-example': ['from/unresolved', 'lint/own-machine'],
  'ColinChartier+sentry-self-hosted': ['lint/own-machine'],
  'ColinChartier+todo-app': ['lint/late-memory', 'lint/own-machine'],
  'ConnorMacKenzieLayer+testing': [],
  'Dart120+election__api': [],
  'Derplord3264+CherrySMP-1.5': [],
  'Edustartari+formula1charts': ['lint/late-memory'],
  'Famix12+HairT': ['lint/late-memory'],
  'csemanish12+ci-using-layerci': ['lint/own-machine', 'lint/docker-terminal'],
  'webappio+docker-dashboard': ['lint/late-memory'],
  'webappio+livechat-example': ['lint/own-machine'],
  'webappio+sanic': [],
};

/** What is a directory in those repositories; everything else that they name is a file. */
const directories = new Set(['bootstrap', 'FE', 'example']);

describe('real Layerfiles', () => {
  if (!existsSync(corpus)) {
    it('are not here (../shared/corpus)', () => console.info('no corpus to compile'));
    return;
  }

  it('are all in the table', () => {
    const files = readdirSync(corpus).filter((name) => name.endsWith('__Layerfile'));
    expect(files.map((name) => name.replace('__Layerfile', '')).sort()).toEqual(Object.keys(expected).sort());
  });

  for (const [name, codes] of Object.entries(expected)) {
    it(name, async () => {
      const text = readFileSync(`${corpus}${name}__Layerfile`, 'utf8');
      const { diagnostics, plan } = await compile(new MemoryRepo(surroundings(text)));
      expect(diagnostics.map(({ code }) => code)).toEqual(codes);
      expect(plan === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
    });
  }
});

/** A repository with the Layerfile and the files that its instructions name. */
function surroundings(text: string): Record<string, MemoryEntry> {
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
