import type { EntryKind, ReadFailure, RepoPath, RepoReader } from '../../src/host.ts';

/** What a path holds: a text, bytes, or something special. */
export type MemoryEntry =
  | string
  | Uint8Array
  | { readonly link: string }
  | { readonly failure: Exclude<ReadFailure, 'absent'> }
  | { readonly directory: true };

/**
 * A repository in memory, from a map of paths to what they hold; directories follow from the paths. Links are followed inside it, as
 * the real reader does. Counts what is asked of it.
 */
export class MemoryRepo implements RepoReader {
  readonly root = '/memory';
  readonly git = true;
  readonly asked = { kind: 0, read: 0, list: 0 };
  private readonly entries: ReadonlyMap<string, MemoryEntry>;
  private readonly names = new Map<string, Map<string, EntryKind>>();

  constructor(entries: Readonly<Record<string, MemoryEntry>>) {
    this.entries = new Map(Object.entries(entries));
    this.names.set('', new Map());
    for (const [path, entry] of this.entries) {
      const parts = path.split('/');
      for (let depth = 1; depth <= parts.length; depth += 1) {
        const parent = parts.slice(0, depth - 1).join('/');
        const here = parts.slice(0, depth).join('/');
        const kind = depth < parts.length ? 'directory' : kindOf(entry);
        this.names.get(parent)?.set(parts[depth - 1] ?? '', kind);
        if (kind === 'directory' && !this.names.has(here)) this.names.set(here, new Map());
      }
    }
  }

  kind(path: RepoPath): EntryKind | null {
    this.asked.kind += 1;
    if (this.names.has(path)) return 'directory';
    const entry = this.entries.get(path);
    return entry === undefined ? null : kindOf(entry);
  }

  read(path: RepoPath): { readonly bytes: Uint8Array } | { readonly failure: ReadFailure } {
    this.asked.read += 1;
    let at: string = path;
    for (let hops = 0; hops < 10; hops += 1) {
      const entry = this.entries.get(at);
      if (entry === undefined) return { failure: this.names.has(at) ? 'not-a-file' : 'absent' };
      if (typeof entry === 'string') return { bytes: new TextEncoder().encode(entry) };
      if (entry instanceof Uint8Array) return { bytes: entry };
      if ('failure' in entry) return { failure: entry.failure };
      if ('directory' in entry) return { failure: 'not-a-file' };
      const names = entry.link.startsWith('/') ? null : at.split('/').slice(0, -1);
      for (const name of names === null ? [] : entry.link.split('/')) {
        if (name === '..' && names?.pop() === undefined) return { failure: 'outside' };
        if (name !== '..' && name !== '.' && name !== '') names?.push(name);
      }
      if (names === null) return { failure: 'outside' };
      at = names.join('/');
    }
    return { failure: 'failed' };
  }

  list(path: RepoPath): readonly { readonly name: string; readonly kind: EntryKind }[] | null {
    this.asked.list += 1;
    const names = this.names.get(path);
    if (names === undefined) return null;
    return [...names].map(([name, kind]) => ({ name, kind })).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  link(path: RepoPath): string | null {
    const entry = this.entries.get(path);
    return typeof entry === 'object' && 'link' in entry ? entry.link : null;
  }

  async layerfiles(): Promise<readonly RepoPath[]> {
    const skipped = new Set(['.git', '.layer', 'node_modules']);
    const paths = [...this.entries.keys(), ...this.names.keys()].filter((path) => {
      const names = path.split('/');
      return names.at(-1) === 'Layerfile' && !names.some((name) => skipped.has(name));
    });
    return [...new Set(paths)].sort() as RepoPath[];
  }
}

function kindOf(entry: MemoryEntry): EntryKind {
  if (typeof entry === 'string' || entry instanceof Uint8Array) return 'file';
  if ('link' in entry) return 'link';
  if ('failure' in entry) return entry.failure === 'not-a-file' ? 'other' : 'file';
  return 'directory';
}
