import type { Buffer } from 'node:buffer';
import type { FrozenTree } from '../view/tree.ts';
import { encodeName } from '../view/names.ts';
import type { View } from '../view/view.ts';
import type { FileBytes } from './file-bytes.ts';
import { childPath, inodeBelow, type Node, NodeTable } from './nodes.ts';
import { initFlags, type Request, rootNode } from './protocol.ts';
import { type Cut, Recorder } from './recorder.ts';
import { askedDirectories, retireTable, type ViewTable, saveTable, takeUpTable, type StaleName } from './table.ts';
import {
  absentReply,
  appendDirectoryEntry,
  type Attributes,
  attributesReply,
  entryReply,
  errno,
  errorReply,
  initReply,
  type NodeKind,
  payloadReply,
  replyHeaderBytes,
  statfsReply,
  type Timestamp,
} from './replies.ts';

const yearSeconds = 365 * 24 * 3600;
const maxPages = 256;
const pageBytes = 4096;
/** The most bytes a READ or READDIR can ask for, and with the header the size of the reply buffer. */
export const maxPayloadBytes = maxPages * pageBytes;
export const replyBufferBytes = replyHeaderBytes + maxPayloadBytes;

const wantedFlags = Object.values(initFlags).reduce((all, flag) => all | flag, 0);
/** Without these the kernel would forget its caches with every open, and a repeated access would cost requests. */
const neededFlags = initFlags.noOpen | initFlags.noOpendir | initFlags.maxPages;

/** Every file's time in plain mode (14 November 2023), and 100 s later for git's index, which must look younger than the files it lists. */
const plainTime: Timestamp = { seconds: 1_700_000_000, nanoseconds: 0 };
const gitIndexTime: Timestamp = { seconds: 1_700_000_100, nanoseconds: 0 };
const gitIndex = /(^|\/)\.git\/(.*\/)?index$/;

const listingLimit = 32;

type Lookup = Extract<Request, { readonly kind: 'lookup' }>;
type Reading = Extract<Request, { readonly kind: 'read' | 'readdir' }>;
type Init = Extract<Request, { readonly kind: 'init' }>;

/** A cut, and how many requests the kernel has made since the last. */
export interface CountedCut extends Cut {
  readonly requests: number;
}

/**
 * Answers the kernel's requests about views and records what they looked at. Knows no device: requests and replies are bytes.
 * Never throws for a request: what it cannot answer gets an error, and the step a fault.
 */
export class ViewFileSystem {
  readonly #nodes = new NodeTable();
  readonly #recorder = new Recorder();
  readonly #files: FileBytes;
  readonly #mtime: 'plain' | 'persistent';
  readonly #directoryTime: Timestamp | null;
  /** Directories read last: what their names are and how far, so that a directory is not listed anew for each piece of it. */
  readonly #listings = new Map<Node, readonly string[]>();
  #requests = 0;
  #refused: string | null = null;

  /** `directorySeconds`: see `ViewServerSpec`. */
  constructor(options: {
    readonly files: FileBytes;
    readonly mtime: 'plain' | 'persistent';
    readonly directorySeconds?: number | null;
  }) {
    const { directorySeconds = null } = options;
    this.#files = options.files;
    this.#mtime = options.mtime;
    this.#directoryTime = directorySeconds === null ? null : { seconds: directorySeconds, nanoseconds: 0 };
  }

  /** All that a later server must know to go on where this one stands: take it right after a cut, with no request answered in between. */
  save(): ViewTable {
    return saveTable(this.#nodes, { mtime: this.#mtime, timeOf: (node) => this.#timeNs(node) });
  }

  /**
   * Goes on where another server stood, on the views given (every one that the table names is added). What the kernel must be told to forget (`dated`:
   * directories that show another time now), or why the table cannot hold for these views; then this file system is of no use.
   */
  takeUp(
    table: ViewTable,
    views: readonly { readonly view: View; readonly tree: FrozenTree }[],
  ): { readonly stale: readonly StaleName[]; readonly dated: readonly number[] } | { readonly wrong: string } {
    if (table.mtime !== this.#mtime) return { wrong: `its files show ${table.mtime} times` };
    const found = takeUpTable(table, { nodes: this.#nodes, views, timeOf: (node) => this.#timeNs(node) });
    if ('wrong' in found) return found;
    return { ...found, dated: this.#directoryTime === null ? [] : askedDirectories(this.#nodes) };
  }

  /** Goes on behind another server, of which nothing is shown any more; what to call views in the root, or null where the table is damaged. */
  retire(table: ViewTable): ((ordinal: number) => string) | null {
    return retireTable(table, this.#nodes);
  }

  /** Serves a view as a directory of the root, `<ordinal>` where it is not told otherwise. */
  addView(view: View, tree: FrozenTree, name?: string): void {
    this.#nodes.addView({ view, tree }, name);
  }

  cut(): CountedCut {
    const requests = this.#requests;
    this.#requests = 0;
    return { ...this.#recorder.cut(), requests };
  }

  /** Why this kernel cannot be served, once it has asked; null where it can. */
  get refused(): string | null {
    return this.#refused;
  }

  /** The current step cannot be trusted. */
  fault(why: string): void {
    this.#recorder.fault(why);
  }

  /** Answers a request; the length of the reply in `out` (`replyBufferBytes` long), 0 where there is none to send. */
  answer(request: Request, out: Buffer): number {
    // What takes no reply asks for nothing.
    if (request.kind !== 'silent') this.#requests++;
    try {
      return this.#answer(request, out);
    } catch (error) {
      this.#recorder.fault(`the view server failed: ${error instanceof Error ? error.message : String(error)}`);
      return request.unique === 0n ? 0 : errorReply(out, request.unique, errno.EIO);
    }
  }

  #answer(request: Request, out: Buffer): number {
    const { unique } = request;
    switch (request.kind) {
      case 'lookup':
        return this.#lookup(this.#node(request), request, out);
      case 'getattr': {
        const node = this.#node(request);
        this.#sawAttributes(node);
        return attributesReply(out, unique, this.#attributes(node), yearSeconds);
      }
      case 'read':
        return this.#read(this.#node(request), request, out);
      case 'readdir':
        return this.#readdir(this.#node(request), request, out);
      case 'readlink': {
        const node = this.#node(request);
        if (node.entry === null || node.entry.target === null) return errorReply(out, unique, errno.EINVAL);
        this.#recorder.saw(node, 'link');
        return payloadReply(out, unique, encodeName(node.entry.target).copy(out, replyHeaderBytes));
      }
      case 'init':
        return this.#init(request, out);
      case 'statfs':
        return statfsReply(out, unique);
      case 'destroy':
      case 'closing':
        return errorReply(out, unique, 0);
      case 'optional':
        return errorReply(out, unique, errno.ENOSYS);
      case 'ioctl':
        return errorReply(out, unique, errno.ENOTTY);
      case 'silent':
        return 0;
      case 'unknown':
        this.#recorder.doubt(
          `the kernel asked the view server for operation ${request.opcode}, which it does not know`,
        );
        return errorReply(out, unique, errno.ENOSYS);
      case 'malformed':
        this.#recorder.fault(`the view server could not understand the kernel: ${request.why}`);
        return unique === 0n ? 0 : errorReply(out, unique, errno.EIO);
    }
  }

  #lookup(parent: Node, request: Lookup, out: Buffer): number {
    const child = this.#nodes.child(parent, request.name);
    if (child === null) {
      // The mount's root gains views while it lives: there the kernel must not remember an absence.
      if (parent.entry === null) return errorReply(out, request.unique, errno.ENOENT);
      if (parent.entry.kind !== 'directory') return errorReply(out, request.unique, errno.ENOTDIR);
      this.#recorder.sawNothing(parent, request.name);
      return absentReply(out, request.unique, yearSeconds);
    }
    this.#recorder.saw(child, 'entry');
    // The kernel keeps the size that comes with the name, and there are calls that show it without asking: FIONREAD, a stat of what is cached, a look behind the end.
    const isDirectory = child.entry?.kind === 'directory';
    if (!isDirectory) this.#recorder.saw(child, 'attributes');
    this.#sawWhetherEmpty(child);
    const reply = { node: child.id, generation: 0, entrySeconds: yearSeconds };
    // Where times tell nothing, a stat would be told no more than this.
    if (!isDirectory && this.#mtime === 'plain') {
      const attributes = this.#attributes(child);
      return entryReply(out, request.unique, { ...reply, attributesSeconds: yearSeconds, attributes });
    }
    // A time that tells nothing: who wants to know asks for it, and has seen it then.
    const attributes = { ...this.#attributes(child), mtime: plainTime };
    return entryReply(out, request.unique, { ...reply, attributesSeconds: 0, attributes });
  }

  #read(node: Node, request: Reading, out: Buffer): number {
    const { unique, offset, sizeBytes } = request;
    if (node.entry?.kind !== 'file' || node.served === null || node.entry.source === null) {
      return errorReply(out, unique, errno.EINVAL);
    }
    this.#recorder.saw(node, 'content');
    const { source } = node.entry;
    const file = node.served.tree.content(source);
    if (file === null) throw new Error(`the manifest has no bytes of ${source}`);
    const range = { offset, sizeBytes: Math.min(sizeBytes, maxPayloadBytes) };
    const read = this.#files.read(file, range, { out, at: replyHeaderBytes });
    if ('bytes' in read) return payloadReply(out, unique, read.bytes);
    this.#recorder.fault(
      read.failure === 'changed'
        ? `${source} changed while it was being used`
        : `the stored copy of ${source} cannot be read: ${file.path}`,
    );
    return errorReply(out, unique, errno.EIO);
  }

  /** Positions are indices: 0 is `.`, 1 is `..`, then the names. */
  #readdir(node: Node, request: Reading, out: Buffer): number {
    const names = this.#names(node);
    if (names === null) return errorReply(out, request.unique, errno.ENOTDIR);
    this.#recorder.saw(node, 'listing');
    const limit = replyHeaderBytes + Math.min(request.sizeBytes, maxPayloadBytes);
    let at = replyHeaderBytes;
    for (let index = request.offset; index < names.length + 2; index++) {
      const entry = this.#directoryEntry(node, names, index);
      const end = appendDirectoryEntry(out, at, limit, { ...entry, next: index + 1 });
      if (end === null) break;
      at = end;
    }
    if (request.offset >= names.length) this.#listings.delete(node);
    return payloadReply(out, request.unique, at - replyHeaderBytes);
  }

  #names(node: Node): readonly string[] | null {
    if (node.served === null) return [...(node.children?.keys() ?? [])];
    const known = this.#listings.get(node);
    if (known !== undefined) return known;
    const names = node.served.view.list(node.path);
    if (names === null) return null;
    this.#listings.set(node, names);
    for (const oldest of this.#listings.keys()) {
      if (this.#listings.size <= listingLimit) break;
      this.#listings.delete(oldest);
    }
    return names;
  }

  #directoryEntry(
    node: Node,
    names: readonly string[],
    index: number,
  ): { inode: number; kind: NodeKind; name: string } {
    if (index === 0) return { inode: node.inode, kind: 'directory', name: '.' };
    if (index === 1) return { inode: (node.parent ?? node).inode, kind: 'directory', name: '..' };
    const name = names[index - 2];
    if (name === undefined) throw new Error(`${node.path} has no entry ${index}`);
    if (node.served === null) return { inode: node.children?.get(name)?.inode ?? 0, kind: 'directory', name };
    const kind = node.served.view.kind(childPath(node, name));
    if (kind === null) throw new Error(`${node.path} lists ${name}, which is not there`);
    return { inode: inodeBelow(node, name), kind, name };
  }

  #init(request: Init, out: Buffer): number {
    if (request.major !== 7 || (request.flags & neededFlags) !== neededFlags) {
      this.#refused = `FUSE ${request.major}.${request.minor} of this kernel is too old: Linux 5.1 or newer is needed`;
      return errorReply(out, request.unique, errno.EPROTO);
    }
    return initReply(out, request.unique, {
      minor: Math.min(request.minor, 38),
      flags: request.flags & wantedFlags,
      maxReadaheadBytes: maxPayloadBytes,
      maxPages,
    });
  }

  #node(request: Request): Node {
    const node = this.#nodes.node(request.node);
    if (node === null) throw new Error(`the kernel named node ${request.node}, which does not exist`);
    if (node.served === null && node.id !== rootNode) {
      throw new Error('the machine still uses files as an earlier run had them');
    }
    return node;
  }

  /**
   * A stat. Where files show their own times it tells whether the content is still the same, so it counts as that. A directory's time tells nothing of
   * its names where it is new in every machine; where it is not, whoever finds it unchanged may trust what it knows of them.
   */
  #sawAttributes(node: Node): void {
    const { entry } = node;
    if (entry === null) return;
    const timeless = this.#mtime === 'plain' || (entry.kind === 'directory' && this.#directoryTime !== null);
    if (timeless) this.#recorder.saw(node, 'attributes');
    else if (entry.kind === 'file') this.#recorder.saw(node, 'content');
    else this.#recorder.saw(node, entry.kind === 'directory' ? 'listing' : 'link');
    this.#sawWhetherEmpty(node);
  }

  /** The size of an empty file is all of its content, and the kernel reads nothing of it. */
  #sawWhetherEmpty(node: Node): void {
    if (node.entry?.kind === 'file' && node.entry.sizeBytes === 0) this.#recorder.saw(node, 'content');
  }

  #attributes(node: Node): Attributes {
    const { entry, inode } = node;
    if (entry === null)
      return { kind: 'directory', inode, mode: 0o755, uid: 0, gid: 0, sizeBytes: 0, mtime: plainTime };
    const { kind, mode, uid, gid, sizeBytes } = entry;
    return { kind, inode, mode, uid, gid, sizeBytes: kind === 'directory' ? 0 : sizeBytes, mtime: this.#time(node) };
  }

  /** What a file shows for a time in persistent mode, nanoseconds; null where all show the same. */
  #timeNs(node: Node): bigint | null {
    const source = node.entry?.source ?? null;
    return source === null || this.#mtime === 'plain' ? null : (node.served?.tree.mtimeNs(source) ?? null);
  }

  #time(node: Node): Timestamp {
    if (node.entry?.kind === 'directory' && this.#directoryTime !== null) return this.#directoryTime;
    const source = node.entry?.source ?? null;
    if (source === null) return plainTime;
    const ns = this.#timeNs(node);
    if (ns !== null) return { seconds: Number(ns / 1_000_000_000n), nanoseconds: Number(ns % 1_000_000_000n) };
    return gitIndex.test(source) ? gitIndexTime : plainTime;
  }
}
