import { findNodeAtLocation, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { diagnostic, type Diagnostic } from '../diagnostics/diagnostic.ts';
import { nearest } from '../diagnostics/near.ts';
import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { RepoPath, RepoReader } from '../host.ts';
import type { BaseSource, MachineName } from '../ir/ir.ts';
import { resolveSource } from '../ir/sources.ts';
import { failureText, isFile, layerfileAt } from './discover.ts';
import { parseMemory } from './lower/memory-size.ts';

/** What .layer/config.json says. */
export interface Config {
  /** How further `vm/` names are made. */
  readonly bases: ReadonlyMap<MachineName, BaseSource>;
  /** Library names and their Layerfiles. */
  readonly library: ReadonlyMap<string, RepoPath>;
  /** Labels of hosted runners; the one without a size is the default. Sorted by size. */
  readonly runners: readonly RunnerLabels[];
}

export interface RunnerLabels {
  /** For layers that want at most this much memory; null for all others. */
  readonly memoryBytes: number | null;
  readonly labels: readonly string[];
}

export const configPath = '.layer/config.json' as RepoPath;

export const emptyConfig: Config = { bases: new Map(), library: new Map(), runners: [] };

const sections = ['bases', 'library', 'runners'] as const;

/** Reads the configuration; what is wrong in it is reported and left out. Nothing there is an empty configuration. */
export function readConfig(repo: RepoReader, report: (found: Diagnostic) => void): Config {
  if (repo.kind(configPath) === null) return emptyConfig;
  const content = repo.read(configPath);
  const nothing = { file: { path: configPath, text: '' }, start: 0, end: 0 };
  if ('failure' in content) {
    report(diagnostic('config/unreadable', nothing, { why: failureText(content.failure) }));
    return emptyConfig;
  }
  let file: SourceFile;
  try {
    file = { path: configPath, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content.bytes) };
  } catch {
    report(diagnostic('config/unreadable', nothing, { why: 'it is not UTF-8' }));
    return emptyConfig;
  }
  const errors: ParseError[] = [];
  const root = parseTree(file.text.replace(/^\uFEFF/, ' '), errors, {
    disallowComments: true,
    allowTrailingComma: false,
  });
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const start = Math.min(first?.offset ?? 0, file.text.length);
    const span = { file, start, end: Math.min(file.text.length, start + (first?.length ?? 0)) };
    report(diagnostic('config/syntax', span, { what: words(printParseErrorCode(first?.error ?? 4)) }));
    return emptyConfig;
  }
  const reading: Reading = { repo, file, report };
  if (root.type !== 'object') {
    wrong(reading, root, `an object with ${sections.join(', ')}`);
    return emptyConfig;
  }
  for (const [key, , keyNode] of entries(root)) {
    if (!(sections as readonly string[]).includes(key)) unknownKey(reading, keyNode, sections);
  }
  return {
    bases: readBases(reading, findNodeAtLocation(root, ['bases'])),
    library: readLibrary(reading, findNodeAtLocation(root, ['library'])),
    runners: readRunners(reading, findNodeAtLocation(root, ['runners'])),
  };
}

interface Reading {
  readonly repo: RepoReader;
  readonly file: SourceFile;
  readonly report: (found: Diagnostic) => void;
}

function readBases(reading: Reading, node: Node | undefined): Config['bases'] {
  const bases = new Map<MachineName, BaseSource>();
  for (const [name, value, keyNode] of section(
    reading,
    node,
    'an object from names like "vm/alpine:3.20" to their sources',
  )) {
    if (!/^vm\/[^\s/]+$/.test(name)) {
      wrong(reading, keyNode, 'a name like "vm/alpine:3.20"');
      continue;
    }
    const source = readBase(reading, value);
    if (source !== null) bases.set(name as MachineName, source);
  }
  return bases;
}

function readBase(reading: Reading, node: Node): BaseSource | null {
  const wants = '{"oci": "<image>"}, {"tarball": "<path>"} or {"directory": "<path>"}';
  const [only, ...others] = node.type === 'object' ? entries(node) : [];
  if (only === undefined || others.length > 0) {
    wrong(reading, node, wants);
    return null;
  }
  const [key, valueNode, keyNode] = only;
  const value: unknown = valueNode.value;
  if (key !== 'oci' && key !== 'tarball' && key !== 'directory') {
    unknownKey(reading, keyNode, ['oci', 'tarball', 'directory']);
    return null;
  }
  if (typeof value !== 'string' || value === '') {
    wrong(reading, valueNode, key === 'oci' ? 'an image reference like "docker.io/library/alpine:3.20"' : 'a path');
    return null;
  }
  return key === 'oci' ? { kind: key, reference: value } : { kind: key, path: value };
}

function readLibrary(reading: Reading, node: Node | undefined): Config['library'] {
  const library = new Map<string, RepoPath>();
  for (const [name, value, keyNode] of section(
    reading,
    node,
    'an object from names like "my-org/base:v1" to Layerfiles',
  )) {
    if (!isLibraryName(name)) {
      wrong(reading, keyNode, 'a name like "my-org/base:v1"');
      continue;
    }
    const text: unknown = value.value;
    const resolved = typeof text === 'string' && text !== '' ? resolveSource('' as RepoPath, text) : 'outside';
    if (resolved === 'outside') {
      wrong(reading, value, 'a Layerfile\'s path from the repository\'s root, like "/ci/base/Layerfile"');
      continue;
    }
    const location = isFile(reading.repo, resolved.path) ? resolved.path : layerfileAt(reading.repo, resolved.path);
    if (location === null) {
      reading.report(diagnostic('config/library-missing', spanOf(reading, value), { path: `/${resolved.path}` }));
    } else library.set(name, location);
  }
  return library;
}

function readRunners(reading: Reading, node: Node | undefined): Config['runners'] {
  const runners: RunnerLabels[] = [];
  for (const [key, value, keyNode] of section(
    reading,
    node,
    'an object from "default" or sizes like "16G" to labels',
  )) {
    const memoryBytes = key === 'default' ? null : parseMemory(key);
    if (key !== 'default' && memoryBytes === null) {
      wrong(reading, keyNode, '"default" or a size like "16G"');
      continue;
    }
    const labels =
      value.type === 'array' ? (value.children ?? []).map((child): unknown => child.value) : [value.value as unknown];
    if (labels.length === 0 || !labels.every((label): label is string => typeof label === 'string' && label !== '')) {
      wrong(reading, value, 'a label like "ubuntu-24.04", or a list of labels');
    } else runners.push({ memoryBytes, labels });
  }
  return runners.sort((a, b) => (a.memoryBytes ?? Infinity) - (b.memoryBytes ?? Infinity));
}

/** Whether a text has the form of a library name. */
export function isLibraryName(text: string): boolean {
  return /^(?!vm\/)[^\s/:@]+\/[^\s/:@]+:[^\s/:@]+$/.test(text);
}

type Entry = readonly [key: string, value: Node, keyNode: Node];

function section(reading: Reading, node: Node | undefined, wants: string): readonly Entry[] {
  if (node === undefined) return [];
  if (node.type === 'object') return entries(node);
  wrong(reading, node, wants);
  return [];
}

function entries(node: Node): readonly Entry[] {
  return (node.children ?? []).flatMap((property): readonly Entry[] => {
    const [key, value] = property.children ?? [];
    return key === undefined || value === undefined ? [] : [[String(key.value), value, key]];
  });
}

function wrong(reading: Reading, node: Node, wants: string): void {
  reading.report(diagnostic('config/value', spanOf(reading, node), { wants }));
}

function unknownKey(reading: Reading, node: Node, known: readonly string[]): void {
  const key = String(node.value);
  reading.report(diagnostic('config/unknown-key', spanOf(reading, node), { key, near: nearest(key, known), known }));
}

function spanOf(reading: Reading, node: Node): Span {
  return { file: reading.file, start: node.offset, end: node.offset + node.length };
}

/** `PropertyNameExpected` → `property name expected`. */
function words(name: string): string {
  return name.replace(/(?<!^)([A-Z])/g, ' $1').toLowerCase();
}
