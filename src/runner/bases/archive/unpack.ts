import { createHash, type Hash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import type { Readable, Writable } from 'node:stream';
import { pack, type Header, type Pack } from 'tar-stream';
import { BaseError } from '../failure.ts';
import { members, openArchive, type ArchiveFile } from './read.ts';
import type { ArchiveEntry } from './entry.ts';
import { RootTree, type ArchiveLimits, type FileBody, type TreeNode } from './root-tree.ts';

/** A layer to unpack, and what its decompressed bytes must hash to (an OCI image's diff id), where that is known. */
export interface Layer {
  readonly file: ArchiveFile;
  readonly diffId: string | null;
}

/**
 * Reads the layers, lowest first, into the tree they add up to. Throws a `BaseError` for anything that must not be unpacked.
 * `hash` takes each member's name, kind, mode, owner and bytes, but no times.
 */
export async function readLayers(parts: {
  readonly layers: readonly Layer[];
  readonly limits?: ArchiveLimits;
  readonly hash?: Hash;
  readonly signal: AbortSignal;
}): Promise<RootTree> {
  const tree = new RootTree(parts.limits);
  for (const [index, layer] of parts.layers.entries()) {
    const stream = await openArchive(layer.file, parts.signal);
    const sum = layer.diffId === null ? null : createHash('sha256');
    if (sum) stream.on('data', (chunk: Uint8Array) => sum.update(chunk));
    let member = 0;
    for await (const { entry, bytes } of members(stream, layer.file.what)) {
      const refusal = tree.add(entry, { layer: index, member });
      member += 1;
      if (refusal) throw new BaseError({ kind: 'refused', what: layer.file.what, ...refusal });
      parts.hash?.update(
        JSON.stringify([
          entry.path,
          entry.kind,
          entry.mode,
          entry.uid,
          entry.gid,
          entry.target,
          entry.xattrs,
          entry.sizeBytes,
        ]),
      );
      await drain(bytes, parts.hash ?? null);
    }
    const actual = sum === null ? null : `sha256:${sum.digest('hex')}`;
    if (actual !== null && actual !== layer.diffId) {
      throw new BaseError({ kind: 'corrupt', what: layer.file.what, expected: layer.diffId ?? '', actual });
    }
  }
  return tree;
}

async function drain(bytes: Readable, hash: Hash | null): Promise<void> {
  if (hash === null) {
    bytes.resume();
    return;
  }
  for await (const chunk of bytes) hash.update(chunk as Uint8Array);
}

/**
 * Writes the tree as one tar: directories, then files as they stand in their layers, then further names of files, then links last,
 * so that whoever unpacks it never writes through a link. Reads each layer a second time.
 */
export async function writeTree(parts: {
  readonly tree: RootTree;
  readonly layers: readonly Layer[];
  readonly out: Writable;
  readonly written: (bytes: number) => void;
  readonly signal: AbortSignal;
}): Promise<void> {
  const tar = pack();
  const sent = pipeline(tar as unknown as Readable, parts.out, { signal: parts.signal });
  const fill = async (): Promise<void> => {
    const found = collect(parts.tree);
    for (const one of found.directories)
      await put(tar, header(one.path === '' ? '.' : one.path, one.entry, 'directory'));
    for (const one of found.empty) await put(tar, header(one.path, one.body.entry, 'file'));
    for (const [index, layer] of parts.layers.entries()) {
      let member = 0;
      const stream = await openArchive(layer.file, parts.signal);
      for await (const { entry, bytes } of members(stream, layer.file.what)) {
        const names = found.files.get(`${index}:${member}`);
        member += 1;
        if (names?.[0] === undefined) {
          bytes.resume();
          continue;
        }
        await pipeline(bytes, tar.entry(header(names[0], entry, 'file')) as unknown as Writable);
        parts.written(entry.sizeBytes);
      }
    }
    for (const names of found.files.values()) {
      const [first, ...others] = names;
      for (const name of others) await put(tar, { name, type: 'link', linkname: first ?? '' });
    }
    for (const one of found.links) await put(tar, { ...header(one.path, one.entry, 'symlink'), linkname: one.target });
    tar.finalize();
  };
  await Promise.all([
    sent,
    fill().catch((error: unknown) => {
      tar.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }),
  ]);
}

interface Collected {
  readonly directories: { readonly path: string; readonly entry: ArchiveEntry }[];
  /** Names of each file that some layer holds, by `layer:member`. */
  readonly files: Map<string, string[]>;
  /** Files that no layer holds: empty ones of our own. */
  readonly empty: { readonly path: string; readonly body: FileBody }[];
  readonly links: { readonly path: string; readonly entry: ArchiveEntry; readonly target: string }[];
}

function collect(tree: RootTree): Collected {
  const found: Collected = { directories: [], files: new Map(), empty: [], links: [] };
  const visit = (path: string, node: TreeNode): void => {
    switch (node.kind) {
      case 'directory':
        found.directories.push({ path, entry: node.entry });
        for (const name of [...node.children.keys()].sort()) {
          const child = node.children.get(name);
          if (child) visit(path === '' ? name : `${path}/${name}`, child);
        }
        return;
      case 'link':
        found.links.push({ path, entry: node.entry, target: node.target });
        return;
      case 'file': {
        const { layer, member } = node.body.place;
        if (layer < 0) {
          found.empty.push({ path, body: node.body });
          return;
        }
        const key = `${layer}:${member}`;
        const names = found.files.get(key);
        if (names) names.push(path);
        else found.files.set(key, [path]);
      }
    }
  };
  visit('', tree.root);
  return found;
}

type HeaderOf = Partial<Header> & Pick<Header, 'name'>;

/** The greatest owner that a ustar header has room for; a greater one goes into the extended header. */
const ustarOwners = 0o7777777;

function header(name: string, entry: ArchiveEntry, type: 'file' | 'directory' | 'symlink'): HeaderOf {
  const pax: Record<string, string> = {};
  for (const [key, value] of Object.entries(entry.xattrs)) pax[`SCHILY.xattr.${key}`] = value;
  if (entry.uid > ustarOwners) pax['uid'] = String(entry.uid);
  if (entry.gid > ustarOwners) pax['gid'] = String(entry.gid);
  return {
    name,
    type,
    mode: entry.mode,
    uid: Math.min(entry.uid, ustarOwners),
    gid: Math.min(entry.gid, ustarOwners),
    mtime: new Date(entry.mtimeMs),
    size: type === 'file' ? entry.sizeBytes : 0,
    ...(Object.keys(pax).length > 0 ? { pax } : {}),
  };
}

function put(tar: Pack, head: HeaderOf): Promise<void> {
  return new Promise((resolve, reject) => {
    tar.entry(head, (error) => (error ? reject(error) : resolve())).end(null);
  });
}
