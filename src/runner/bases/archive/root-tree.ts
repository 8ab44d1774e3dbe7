import { normalPath, pathFault, type ArchiveEntry } from './entry.ts';

/** Where a file's bytes are: the layer (from the bottom, from 0) and the member in it. */
export interface ContentPlace {
  readonly layer: number;
  readonly member: number;
}

/** What several names may share. */
export interface FileBody {
  readonly place: ContentPlace;
  readonly entry: ArchiveEntry;
}

export type TreeNode =
  | {
      readonly kind: 'directory';
      readonly entry: ArchiveEntry;
      readonly children: Map<string, TreeNode>;
      readonly layer: number;
    }
  | { readonly kind: 'file'; readonly body: FileBody; readonly layer: number }
  | { readonly kind: 'link'; readonly entry: ArchiveEntry; readonly target: string; readonly layer: number };

type DirectoryNode = Extract<TreeNode, { readonly kind: 'directory' }>;

/** Caps on what an archive may unpack to. */
export interface ArchiveLimits {
  readonly entries: number;
  readonly bytes: number;
}

export const defaultLimits: ArchiveLimits = { entries: 2_000_000, bytes: 32 * 1024 ** 3 };

export interface Refusal {
  readonly path: string;
  readonly why: string;
}

/** Directories whose content belongs to the running machine and never to a base. */
const machinesOwn = new Set(['dev', 'proc', 'sys']);

/** Files that a machine gets anew at each boot: a base has them empty, so that nothing stale shows and there is something to mount over. */
const bootsOwn = ['etc/hostname', 'etc/hosts', 'etc/machine-id', 'etc/resolv.conf'];

/** Of what is made here: any fixed day that every archive format can hold. */
const madeAtMs = Date.UTC(2020, 0, 1);

const plainDirectory = (path: string): ArchiveEntry => ({
  path,
  kind: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  mtimeMs: madeAtMs,
  sizeBytes: 0,
  target: null,
  xattrs: {},
});

/**
 * The root file system that layers of archives add up to, without a byte of content: whiteouts and opaque marks as the OCI image
 * specification says (layer.md, "Whiteouts"), hard links shared, and nothing ever written through a link, because no path leads through one.
 */
export class RootTree {
  readonly root: DirectoryNode = {
    kind: 'directory',
    entry: plainDirectory(''),
    children: new Map(),
    layer: -1,
  };
  #entries = 0;
  #bytes = 0;
  readonly #limits: ArchiveLimits;

  constructor(limits: ArchiveLimits = defaultLimits) {
    this.#limits = limits;
  }

  /** Adds a member of a layer; what must not be unpacked comes back as a refusal, and the tree is then useless. */
  add(entry: ArchiveEntry, place: ContentPlace): Refusal | null {
    const refuse = (why: string): Refusal => ({ path: entry.path, why });
    const fault = pathFault(entry.path);
    if (fault !== null) return refuse(fault);
    this.#entries += 1;
    if (this.#entries > this.#limits.entries) return refuse(`more than ${this.#limits.entries} entries`);
    this.#bytes += entry.sizeBytes;
    if (this.#bytes > this.#limits.bytes) return refuse(`more than ${this.#limits.bytes} bytes unpacked`);

    const parts = normalPath(entry.path).split('/');
    const name = parts.pop() ?? '';
    if (name === '') return entry.kind === 'directory' ? this.#describeRoot(entry) : refuse('the root is no directory');
    if (parts.length > 0 && machinesOwn.has(parts[0] ?? '')) return null;
    if (parts.some((part) => part.startsWith('.wh.'))) return null;
    if (machinesOwn.has(name) && parts.length === 0 && entry.kind !== 'directory') return refuse('no directory');

    const parent = this.#makeDirectories(parts, place.layer);
    if (typeof parent === 'string') return refuse(parent);
    if (name === '.wh..wh..opq') {
      hideLower(parent, place.layer);
      return null;
    }
    if (name.startsWith('.wh..wh.')) return null;
    if (name.startsWith('.wh.')) {
      const hidden = name.slice('.wh.'.length);
      if (hidden === '' || hidden === '.' || hidden === '..') return refuse('a whiteout of nothing');
      const child = parent.children.get(hidden);
      if (child && !survives(child, place.layer)) parent.children.delete(hidden);
      return null;
    }
    switch (entry.kind) {
      case 'device':
      case 'fifo':
        return refuse(`a ${entry.kind}; a base machine needs none outside /dev`);
      case 'directory': {
        const old = parent.children.get(name);
        const children = old?.kind === 'directory' ? old.children : new Map<string, TreeNode>();
        parent.children.set(name, { kind: 'directory', entry, children, layer: place.layer });
        return null;
      }
      case 'link':
        parent.children.set(name, { kind: 'link', entry, target: entry.target ?? '', layer: place.layer });
        return null;
      case 'hardlink': {
        const target = entry.target ?? '';
        const why = pathFault(target);
        if (why !== null) return refuse(`a hard link to ${why}`);
        const node = this.#find(normalPath(target).split('/'));
        if (node === null || node.kind === 'directory')
          return refuse(`a hard link to ${target}, which is no file of it`);
        parent.children.set(name, { ...node, layer: place.layer });
        return null;
      }
      case 'file':
        parent.children.set(name, { kind: 'file', body: { place, entry }, layer: place.layer });
        return null;
    }
  }

  /** Whether a path leads to something, links followed inside the root as the machine would. */
  has(path: string): boolean {
    let left = normalPath(path).split('/');
    let trail: DirectoryNode[] = [this.root];
    let links = 0;
    while (left.length > 0) {
      const [part, ...rest] = left;
      left = rest;
      if (part === undefined || part === '' || part === '.') continue;
      if (part === '..') {
        if (trail.length > 1) trail = trail.slice(0, -1);
        continue;
      }
      const node = trail[trail.length - 1]?.children.get(part);
      if (!node) return false;
      if (node.kind === 'directory') trail = [...trail, node];
      else if (node.kind === 'file') return left.length === 0;
      else {
        links += 1;
        if (links > 40) return false;
        if (node.target.startsWith('/')) trail = [this.root];
        left = [...node.target.split('/'), ...left];
      }
    }
    return true;
  }

  /** Makes what is a machine's own empty: /dev, /proc and /sys, and the files written anew at each boot. */
  settle(): Refusal | null {
    for (const name of [...machinesOwn, 'etc', 'root', 'run', 'tmp']) {
      const made = this.#makeDirectories([name], -1);
      if (typeof made === 'string') return { path: name, why: made };
      if (machinesOwn.has(name)) made.children.clear();
    }
    for (const path of bootsOwn) {
      const entry: ArchiveEntry = { ...plainDirectory(path), kind: 'file', mode: 0o644 };
      const etc = this.#makeDirectories(['etc'], -1);
      if (typeof etc === 'string') return { path, why: etc };
      etc.children.set(path.slice('etc/'.length), {
        kind: 'file',
        body: { place: { layer: -1, member: 0 }, entry },
        layer: -1,
      });
    }
    return null;
  }

  #describeRoot(entry: ArchiveEntry): null {
    (this.root as { entry: ArchiveEntry }).entry = { ...entry, path: '' };
    return null;
  }

  #find(parts: readonly string[]): TreeNode | null {
    let node: TreeNode = this.root;
    for (const part of parts) {
      if (node.kind !== 'directory') return null;
      const child: TreeNode | undefined = node.children.get(part);
      if (!child) return null;
      node = child;
    }
    return node;
  }

  /** The directory at a path, made where it is missing; a sentence where something else is in the way. */
  #makeDirectories(parts: readonly string[], layer: number): DirectoryNode | string {
    let directory = this.root;
    const walked: string[] = [];
    for (const part of parts) {
      walked.push(part);
      const child = directory.children.get(part);
      if (child?.kind === 'link') return `it would be written through the link ${walked.join('/')}`;
      if (child?.kind === 'file') return `${walked.join('/')} is a file`;
      if (child) {
        directory = child;
        continue;
      }
      const made: DirectoryNode = {
        kind: 'directory',
        entry: plainDirectory(walked.join('/')),
        children: new Map(),
        layer,
      };
      directory.children.set(part, made);
      directory = made;
    }
    return directory;
  }
}

/** Whether a node, or anything below it, comes from this very layer. */
function survives(node: TreeNode, layer: number): boolean {
  if (node.kind !== 'directory') return node.layer === layer;
  hideLower(node, layer);
  return node.layer === layer || node.children.size > 0;
}

/** Takes everything out of a directory that lower layers put there. */
function hideLower(directory: DirectoryNode, layer: number): void {
  for (const [name, child] of directory.children) if (!survives(child, layer)) directory.children.delete(name);
}
