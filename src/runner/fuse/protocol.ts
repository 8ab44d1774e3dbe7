import type { Buffer } from 'node:buffer';
import { decodeName } from '../view/names.ts';
import { keptView } from './data-view.ts';

/**
 * What the kernel says to a FUSE server, as data. Layouts, numbers and names are those of Linux's include/uapi/linux/fuse.h (protocol 7.38),
 * little-endian. Pure: the device is in session.ts.
 */

/** The size of fuse_in_header; every request begins with one. */
export const requestHeaderBytes = 40;

const opcodes = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  readlink: 5,
  open: 14,
  read: 15,
  statfs: 17,
  release: 18,
  fsync: 20,
  getxattr: 22,
  listxattr: 23,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  access: 34,
  interrupt: 36,
  bmap: 37,
  destroy: 38,
  ioctl: 39,
  poll: 40,
  batchForget: 42,
  lseek: 46,
  syncfs: 50,
  statx: 52,
} as const;

/** The nodeid of the mount's root, which no LOOKUP hands out. */
export const rootNode = 1;

/** INIT's capability bits that this server asks for. */
export const initFlags = {
  asyncRead: 1 << 0,
  noOpen: 1 << 17,
  parallelDirectoryOperations: 1 << 18,
  maxPages: 1 << 22,
  cacheSymlinks: 1 << 23,
  noOpendir: 1 << 24,
  explicitInvalidation: 1 << 25,
} as const;

/**
 * One request. `unique` is repeated in its reply; `node` is the nodeid that a reply to a LOOKUP handed out.
 * `optional`: an operation that a server may refuse for good (ENOSYS: the kernel then does without it and asks no more).
 * `closing`: an operation on an open file that changes nothing here. `silent`: takes no reply.
 */
export type Request = { readonly unique: bigint; readonly node: number } & (
  | { readonly kind: 'lookup'; readonly name: string }
  | { readonly kind: 'getattr' | 'readlink' | 'statfs' | 'destroy' | 'optional' | 'ioctl' | 'closing' | 'silent' }
  | { readonly kind: 'read' | 'readdir'; readonly offset: number; readonly sizeBytes: number }
  | {
      readonly kind: 'init';
      readonly major: number;
      readonly minor: number;
      readonly maxReadaheadBytes: number;
      readonly flags: number;
    }
  | { readonly kind: 'unknown'; readonly opcode: number }
  | { readonly kind: 'malformed'; readonly why: string }
);

const viewOf = keptView();

/** Decodes the request in the first `length` bytes of a buffer; never throws, whatever they are. */
export function decodeRequest(bytes: Buffer, length: number): Request {
  if (length < requestHeaderBytes) {
    return { unique: 0n, node: 0, kind: 'malformed', why: `a request of ${length} bytes has no whole header` };
  }
  const view = viewOf(bytes);
  const unique = view.getBigUint64(8, true);
  const node = readUint64(view, 16);
  const malformed = (why: string): Request => ({ unique, node, kind: 'malformed', why });
  const declared = view.getUint32(0, true);
  if (declared !== length) return malformed(`a request of ${length} bytes says it has ${declared}`);

  const opcode = view.getUint32(4, true);
  const body = length - requestHeaderBytes;
  switch (opcode) {
    case opcodes.lookup: {
      const end = bytes.indexOf(0, requestHeaderBytes);
      if (end < requestHeaderBytes + 1 || end !== length - 1) return malformed('LOOKUP without one whole name');
      return { unique, node, kind: 'lookup', name: decodeName(bytes.subarray(requestHeaderBytes, end)) };
    }
    case opcodes.getattr:
      return { unique, node, kind: 'getattr' };
    case opcodes.readlink:
      return { unique, node, kind: 'readlink' };
    case opcodes.read:
    case opcodes.readdir: {
      const kind = opcode === opcodes.read ? 'read' : 'readdir';
      if (body < 40) return malformed(`${kind.toUpperCase()} with ${body} of 40 bytes`);
      return { unique, node, kind, offset: readUint64(view, 48), sizeBytes: view.getUint32(56, true) };
    }
    case opcodes.init:
      if (body < 16) return malformed(`INIT with ${body} of 16 bytes`);
      return {
        unique,
        node,
        kind: 'init',
        major: view.getUint32(40, true),
        minor: view.getUint32(44, true),
        maxReadaheadBytes: view.getUint32(48, true),
        flags: view.getUint32(52, true),
      };
    case opcodes.statfs:
      return { unique, node, kind: 'statfs' };
    case opcodes.destroy:
      return { unique, node, kind: 'destroy' };
    case opcodes.ioctl:
      return { unique, node, kind: 'ioctl' };
    case opcodes.open:
    case opcodes.opendir:
    case opcodes.flush:
    case opcodes.access:
    case opcodes.getxattr:
    case opcodes.listxattr:
    case opcodes.lseek:
    case opcodes.statx:
    case opcodes.bmap:
    case opcodes.poll:
      return { unique, node, kind: 'optional' };
    case opcodes.release:
    case opcodes.releasedir:
    case opcodes.fsync:
    case opcodes.fsyncdir:
    case opcodes.syncfs:
      return { unique, node, kind: 'closing' };
    case opcodes.forget:
    case opcodes.batchForget:
    case opcodes.interrupt:
      return { unique, node, kind: 'silent' };
    default:
      return { unique, node, kind: 'unknown', opcode };
  }
}

/** Exact below 2^53; larger offsets do not occur, as sizes are numbers too. */
function readUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
