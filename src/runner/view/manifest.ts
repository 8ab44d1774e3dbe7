import { Buffer, isAscii } from 'node:buffer';
import type { RepoPath } from '../../host.ts';
import { compareNames, decodeName, encodeName } from './names.ts';
import type { FrozenFile, FrozenTree, TreeEntry } from './tree.ts';

/**
 * A frozen tree as bytes, laid out so that loading is looking: fixed-width columns, one row an entry, in breadth-first order, so that the
 * rows of a directory's children stand together, sorted by name. Names are decoded when their directory is first touched.
 * Numbers have the machine's byte order: a manifest does not travel.
 *
 *   "layer-m1" · u32 rows, textBytes, rootEnd, blobsEnd (of the text) · padding to 32
 *   f64 sizeBytes · i64 mtimeNs, ctimeNs, inode, shownMtimeNs · u32 textStart (rows + 1) · u32 first · u32 count · u8 flags · 20 bytes digest
 *   text: path of the working tree · path of the blob store · for each row its name, and a link's target
 *
 * `first` and `count`: of a directory its children's rows; of a link `first` is where in the text its target starts (it ends where the row does).
 */
const magic = 'layer-m1';
const headerBytes = 32;

const directoryFlag = 1;
const linkFlag = 2;
const executableFlag = 4;
const immutableFlag = 8;

/** A tree to be written: children in any order, names unique and without `/`. */
export type ManifestNode = ManifestDirectory | ManifestFile | ManifestLink;

export interface ManifestDirectory {
  readonly kind: 'directory';
  readonly name: string;
  readonly children: readonly ManifestNode[];
}

export interface ManifestFile {
  readonly kind: 'file';
  readonly name: string;
  readonly executable: boolean;
  /** git's blob hash, hex. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** `immutable`: the blob store has its bytes under its digest; else the numbers of the working tree's file. */
  readonly content: 'immutable' | { readonly mtimeNs: bigint; readonly ctimeNs: bigint; readonly inode: bigint };
  /** What it shows as mtime in persistent mtime mode; null in plain mode. */
  readonly shownMtimeNs: bigint | null;
}

export interface ManifestLink {
  readonly kind: 'link';
  readonly name: string;
  readonly target: string;
  /** As a file's. */
  readonly shownMtimeNs: bigint | null;
}

/** Absolute paths that the files' own paths are made from. */
export interface ManifestRoots {
  /** The working tree; files at their repository paths. Empty where all files are immutable. */
  readonly working: string;
  /** The blob store; files at `blobPath`. */
  readonly blobs: string;
}

/** Where the blob store keeps a content. */
export function blobPath(blobs: string, digest: string): string {
  return `${blobs}/${digest.slice(0, 2)}/${digest.slice(2)}`;
}

/** Where each column starts for a number of rows. */
function layout(rows: number, textBytes: number) {
  const sizes = headerBytes;
  const mtimes = sizes + 8 * rows;
  const ctimes = mtimes + 8 * rows;
  const inodes = ctimes + 8 * rows;
  const shown = inodes + 8 * rows;
  const textStarts = shown + 8 * rows;
  const firsts = textStarts + 4 * (rows + 1);
  const counts = firsts + 4 * rows;
  const flags = counts + 4 * rows;
  const digests = flags + rows;
  const text = digests + 20 * rows;
  return {
    sizes,
    mtimes,
    ctimes,
    inodes,
    shown,
    textStarts,
    firsts,
    counts,
    flags,
    digests,
    text,
    end: text + textBytes,
  };
}

function columns(bytes: Buffer, rows: number, textBytes: number) {
  const at = layout(rows, textBytes);
  const { buffer, byteOffset } = bytes;
  return {
    sizes: new Float64Array(buffer, byteOffset + at.sizes, rows),
    mtimes: new BigInt64Array(buffer, byteOffset + at.mtimes, rows),
    ctimes: new BigInt64Array(buffer, byteOffset + at.ctimes, rows),
    inodes: new BigInt64Array(buffer, byteOffset + at.inodes, rows),
    shown: new BigInt64Array(buffer, byteOffset + at.shown, rows),
    textStarts: new Uint32Array(buffer, byteOffset + at.textStarts, rows + 1),
    firsts: new Uint32Array(buffer, byteOffset + at.firsts, rows),
    counts: new Uint32Array(buffer, byteOffset + at.counts, rows),
    flags: bytes.subarray(at.flags, at.digests),
    digests: bytes.subarray(at.digests, at.text),
    text: bytes.subarray(at.text, at.end),
  };
}

/** Serialises a tree. `root` is the repository's root; its name is not used. */
export function writeManifest(root: ManifestDirectory, roots: ManifestRoots): Uint8Array {
  const nodes: ManifestNode[] = [root];
  const spans: { readonly first: number; readonly count: number }[] = [];
  for (let row = 0; row < nodes.length; row += 1) {
    const node = nodes[row];
    if (node?.kind !== 'directory') {
      spans.push({ first: 0, count: 0 });
      continue;
    }
    spans.push({ first: nodes.length, count: node.children.length });
    for (const child of [...node.children].sort((a, b) => compareNames(a.name, b.name))) nodes.push(child);
  }

  const pieces: Buffer[] = [];
  let textBytes = 0;
  const add = (text: string): number => {
    const piece = encodeName(text);
    pieces.push(piece);
    return (textBytes += piece.length);
  };
  const rootEnd = add(roots.working);
  const blobsEnd = add(roots.blobs);
  const starts = new Uint32Array(nodes.length + 1);
  const targets = new Uint32Array(nodes.length);
  nodes.forEach((node, row) => {
    starts[row] = textBytes;
    if (row > 0) add(node.name);
    targets[row] = textBytes;
    if (node.kind === 'link') add(node.target);
  });
  starts[nodes.length] = textBytes;

  const rows = nodes.length;
  const bytes = Buffer.from(new ArrayBuffer(layout(rows, textBytes).end));
  bytes.write(magic, 'latin1');
  new Uint32Array(bytes.buffer, 8, 4).set([rows, textBytes, rootEnd, blobsEnd]);
  const to = columns(bytes, rows, textBytes);
  to.textStarts.set(starts);
  let written = 0;
  for (const piece of pieces) written += piece.copy(to.text, written);
  nodes.forEach((node, row) => {
    to.firsts[row] = node.kind === 'link' ? (targets[row] ?? 0) : (spans[row]?.first ?? 0);
    to.counts[row] = spans[row]?.count ?? 0;
    to.flags[row] = flagsOf(node);
    if (node.kind !== 'directory') to.shown[row] = node.shownMtimeNs ?? 0n;
    if (node.kind !== 'file') return;
    to.sizes[row] = node.sizeBytes;
    to.digests.write(node.digest, row * 20, 20, 'hex');
    if (node.content === 'immutable') return;
    to.mtimes[row] = node.content.mtimeNs;
    to.ctimes[row] = node.content.ctimeNs;
    to.inodes[row] = BigInt.asIntN(64, node.content.inode);
  });
  return bytes;
}

function flagsOf(node: ManifestNode): number {
  switch (node.kind) {
    case 'directory':
      return directoryFlag;
    case 'link':
      return linkFlag;
    case 'file':
      return (node.executable ? executableFlag : 0) | (node.content === 'immutable' ? immutableFlag : 0);
  }
}

/** Reads what `writeManifest` wrote; keeps the bytes. Throws where they are not a manifest. */
export function loadManifest(given: Uint8Array): FrozenTree {
  const bytes = given.byteOffset % 8 === 0 ? Buffer.from(given.buffer, given.byteOffset, given.length) : aligned(given);
  if (bytes.length < headerBytes || bytes.toString('latin1', 0, magic.length) !== magic) {
    throw new Error('Not a manifest.');
  }
  const [rows = 0, textBytes = 0, rootEnd = 0, blobsEnd = 0] = new Uint32Array(bytes.buffer, bytes.byteOffset + 8, 4);
  if (layout(rows, textBytes).end !== bytes.length) throw new Error('The manifest is cut short.');
  const from = columns(bytes, rows, textBytes);
  const working = decodeName(from.text.subarray(0, rootEnd));
  const blobs = decodeName(from.text.subarray(rootEnd, blobsEnd));
  const opened = new Map<number, ReadonlyMap<string, number>>();
  const rowOfDirectory = new Map<string, number>([['', 0]]);

  const textOf = (start: number, end: number) => decodeName(from.text.subarray(start, end));
  const nameEnd = (row: number) => (isLink(row) ? (from.firsts[row] ?? 0) : (from.textStarts[row + 1] ?? 0));
  const isDirectory = (row: number) => ((from.flags[row] ?? 0) & directoryFlag) !== 0;
  const isLink = (row: number) => ((from.flags[row] ?? 0) & linkFlag) !== 0;
  const isFile = (row: number) => ((from.flags[row] ?? 0) & (directoryFlag | linkFlag)) === 0;

  const childrenOf = (row: number): ReadonlyMap<string, number> => {
    const known = opened.get(row);
    if (known !== undefined) return known;
    const children = new Map<string, number>();
    const first = from.firsts[row] ?? 0;
    const end = first + (from.counts[row] ?? 0);
    const start = from.textStarts[first] ?? 0;
    const names = from.text.subarray(start, from.textStarts[end] ?? 0);
    const ascii = isAscii(names) ? names.toString('latin1') : null;
    for (let child = first; child < end; child += 1) {
      const nameStart = from.textStarts[child] ?? 0;
      const name = ascii?.slice(nameStart - start, nameEnd(child) - start) ?? textOf(nameStart, nameEnd(child));
      children.set(name, child);
    }
    opened.set(row, children);
    return children;
  };

  const directoryRow = (path: string): number => {
    const known = rowOfDirectory.get(path);
    if (known !== undefined) return known;
    const row = rowAt(path);
    if (row < 0 || !isDirectory(row)) return -1;
    rowOfDirectory.set(path, row);
    return row;
  };
  /** The row of a path; -1 where nothing is. */
  const rowAt = (path: string): number => {
    if (path === '') return 0;
    const slash = path.lastIndexOf('/');
    const parent = directoryRow(slash < 0 ? '' : path.slice(0, slash));
    return parent < 0 ? -1 : (childrenOf(parent).get(path.slice(slash + 1)) ?? -1);
  };
  const fileAt = (path: string): number => {
    const row = rowAt(path);
    return row >= 0 && isFile(row) ? row : -1;
  };
  const digestOf = (row: number) => from.digests.toString('hex', row * 20, row * 20 + 20);

  return {
    entry(path: RepoPath): TreeEntry | null {
      const row = rowAt(path);
      if (row < 0) return null;
      if (isDirectory(row)) return { kind: 'directory' };
      if (isLink(row)) return { kind: 'link', target: textOf(from.firsts[row] ?? 0, from.textStarts[row + 1] ?? 0) };
      const executable = ((from.flags[row] ?? 0) & executableFlag) !== 0;
      return { kind: 'file', executable, sizeBytes: from.sizes[row] ?? 0 };
    },
    kind(path) {
      const row = rowAt(path);
      if (row < 0) return null;
      return isDirectory(row) ? 'directory' : isLink(row) ? 'link' : 'file';
    },
    list(path) {
      const row = directoryRow(path);
      return row < 0 ? null : [...childrenOf(row).keys()];
    },
    digest(path) {
      const row = fileAt(path);
      return row < 0 ? null : digestOf(row);
    },
    content(path): FrozenFile | null {
      const row = fileAt(path);
      if (row < 0) return null;
      const immutable = ((from.flags[row] ?? 0) & immutableFlag) !== 0;
      return {
        path: immutable ? blobPath(blobs, digestOf(row)) : `${working}/${path}`,
        kind: immutable ? 'immutable' : 'working',
        sizeBytes: from.sizes[row] ?? 0,
        mtimeNs: from.mtimes[row] ?? 0n,
        ctimeNs: from.ctimes[row] ?? 0n,
        inode: BigInt.asUintN(64, from.inodes[row] ?? 0n),
      };
    },
    mtimeNs(path) {
      const row = rowAt(path);
      return row < 0 || isDirectory(row) ? null : from.shown[row] || null;
    },
  };
}

/** A copy that typed arrays can look into. */
function aligned(bytes: Uint8Array): Buffer {
  const copy = Buffer.from(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}
