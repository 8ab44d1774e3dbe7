import type { Buffer } from 'node:buffer';
import { encodeName } from '../view/names.ts';
import { keptView } from './data-view.ts';

/**
 * What a FUSE server says to the kernel, as bytes: each function writes one whole message to the start of `out` and returns its length.
 * Layouts as in Linux's include/uapi/linux/fuse.h (protocol 7.38), little-endian. Pure.
 */

const viewOf = keptView();

/** The size of fuse_out_header: where a reply's payload begins. */
export const replyHeaderBytes = 16;

export const errno = { EIO: 5, ENOENT: 2, ENOSYS: 38, ENOTDIR: 20, EINVAL: 22, ENOTTY: 25, EPROTO: 71 } as const;

export type NodeKind = 'file' | 'directory' | 'link';

/** The attributes of a node as stat shows them. All three times are the same. */
export interface Attributes {
  readonly kind: NodeKind;
  /** An integer below 2^53. */
  readonly inode: number;
  /** Permission bits only. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtime: Timestamp;
}

/** Since 1970. */
export interface Timestamp {
  readonly seconds: number;
  readonly nanoseconds: number;
}

const formats: Readonly<Record<NodeKind, number>> = { directory: 0o040000, file: 0o100000, link: 0o120000 };
/** DT_* of <dirent.h>. */
const directoryTypes: Readonly<Record<NodeKind, number>> = { directory: 4, file: 8, link: 10 };

/** An error, or with 0 plain success. */
export function errorReply(out: Buffer, unique: bigint, error: number): number {
  return header(viewOf(out), unique, -error, 0);
}

/** A payload that is already in `out`, from `replyHeaderBytes` on. */
export function payloadReply(out: Buffer, unique: bigint, payloadBytes: number): number {
  return header(viewOf(out), unique, 0, payloadBytes);
}

/** LOOKUP's answer. `attributesSeconds` 0 makes the kernel ask with GETATTR when, and only when, somebody wants them. */
export function entryReply(
  out: Buffer,
  unique: bigint,
  entry: {
    readonly node: number;
    readonly generation: number;
    readonly entrySeconds: number;
    readonly attributesSeconds: number;
    readonly attributes: Attributes;
  },
): number {
  const view = viewOf(out);
  writeUint64(view, entry.node, 16);
  writeUint64(view, entry.generation, 24);
  writeUint64(view, entry.entrySeconds, 32);
  writeUint64(view, entry.attributesSeconds, 40);
  writeUint64(view, 0, 48); // nanoseconds of both
  writeAttributes(view, 56, entry.attributes);
  return header(view, unique, 0, 128);
}

/** LOOKUP's answer that the kernel may remember: nothing is there. */
export function absentReply(out: Buffer, unique: bigint, entrySeconds: number): number {
  out.fill(0, 16, 144);
  const view = viewOf(out);
  writeUint64(view, entrySeconds, 32);
  return header(view, unique, 0, 128);
}

export function attributesReply(out: Buffer, unique: bigint, attributes: Attributes, validSeconds: number): number {
  const view = viewOf(out);
  writeUint64(view, validSeconds, 16);
  writeUint64(view, 0, 24); // nanoseconds
  writeAttributes(view, 32, attributes);
  return header(view, unique, 0, 104);
}

export function initReply(
  out: Buffer,
  unique: bigint,
  init: {
    readonly minor: number;
    readonly flags: number;
    readonly maxReadaheadBytes: number;
    readonly maxPages: number;
  },
): number {
  out.fill(0, 16, 80);
  out.writeUInt32LE(7, 16);
  out.writeUInt32LE(init.minor, 20);
  out.writeUInt32LE(init.maxReadaheadBytes, 24);
  out.writeUInt32LE(init.flags >>> 0, 28);
  out.writeUInt16LE(64, 32); // max_background
  out.writeUInt16LE(48, 34); // congestion_threshold
  out.writeUInt32LE(4096, 36); // max_write, its least value: nothing is ever written
  out.writeUInt32LE(1, 40); // time_gran, nanoseconds
  out.writeUInt16LE(init.maxPages, 44);
  return header(viewOf(out), unique, 0, 64);
}

/** statfs: nothing free, names up to 255 bytes; the same whatever the view holds. */
export function statfsReply(out: Buffer, unique: bigint): number {
  out.fill(0, 16, 96);
  out.writeUInt32LE(4096, 56); // bsize
  out.writeUInt32LE(255, 60); // namelen
  out.writeUInt32LE(4096, 64); // frsize
  return header(viewOf(out), unique, 0, 80);
}

/**
 * Appends one directory entry at `at`; the offset after it, or null where it does not end by `limit`.
 * `next` is the position at which a later READDIR goes on after this entry.
 */
export function appendDirectoryEntry(
  out: Buffer,
  at: number,
  limit: number,
  entry: { readonly inode: number; readonly next: number; readonly kind: NodeKind; readonly name: string },
): number | null {
  const name = encodeName(entry.name);
  const end = at + ((24 + name.length + 7) & ~7);
  if (end > limit) return null;
  const view = viewOf(out);
  writeUint64(view, entry.inode, at);
  writeUint64(view, entry.next, at + 8);
  view.setUint32(at + 16, name.length, true);
  view.setUint32(at + 20, directoryTypes[entry.kind], true);
  name.copy(out, at + 24);
  out.fill(0, at + 24 + name.length, end);
  return end;
}

function header(view: DataView, unique: bigint, error: number, payloadBytes: number): number {
  const length = replyHeaderBytes + payloadBytes;
  view.setUint32(0, length, true);
  view.setInt32(4, error, true);
  view.setBigUint64(8, unique, true);
  return length;
}

/** fuse_attr, 88 bytes. */
function writeAttributes(view: DataView, at: number, attributes: Attributes): void {
  const { seconds, nanoseconds } = attributes.mtime;
  writeUint64(view, attributes.inode, at);
  writeUint64(view, attributes.sizeBytes, at + 8);
  writeUint64(view, Math.ceil(attributes.sizeBytes / 512), at + 16);
  for (let index = 0; index < 3; index += 1) {
    writeUint64(view, seconds, at + 24 + 8 * index);
    view.setUint32(at + 48 + 4 * index, nanoseconds, true);
  }
  view.setUint32(at + 60, formats[attributes.kind] | attributes.mode, true);
  view.setUint32(at + 64, 1, true); // one name; for a directory also: do not derive the number of subdirectories
  view.setUint32(at + 68, attributes.uid, true);
  view.setUint32(at + 72, attributes.gid, true);
  view.setUint32(at + 76, 0, true); // rdev
  view.setUint32(at + 80, 4096, true); // blksize
  view.setUint32(at + 84, 0, true);
}

/** An integer from 0 to 2^53; `setUint32` takes what is left of it modulo 2^32, without its fraction. */
function writeUint64(view: DataView, value: number, at: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value / 0x1_0000_0000, true);
}
