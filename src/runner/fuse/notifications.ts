import { Buffer } from 'node:buffer';
import { encodeName } from '../view/names.ts';
import { replyHeaderBytes } from './replies.ts';
import type { StaleName } from './table.ts';

/**
 * What a FUSE server tells the kernel without being asked: a reply header with `unique` 0 and the notification's code for an error, then its body.
 * Numbers and layouts as in Linux's include/uapi/linux/fuse.h (protocol 7.38), little-endian. Pure.
 */
const codes = { invalidateInode: 2, invalidateEntry: 3 } as const;

/** Makes the kernel forget a name and what it holds of the node behind it: attributes and pages. One that it does not hold is no error for us. */
export function forgetName({ parent, name, node }: StaleName): Buffer {
  const inode = notification(codes.invalidateInode, 24);
  inode.writeBigUInt64LE(BigInt(node), replyHeaderBytes);
  const bytes = encodeName(name);
  const entry = notification(codes.invalidateEntry, 16 + bytes.length + 1);
  entry.writeBigUInt64LE(BigInt(parent), replyHeaderBytes);
  entry.writeUInt32LE(bytes.length, replyHeaderBytes + 8);
  bytes.copy(entry, replyHeaderBytes + 16);
  return Buffer.concat([entry, inode]);
}

/** Makes the kernel ask again for the attributes of a node; its pages, and the names below it, it keeps. */
export function forgetAttributes(node: number): Buffer {
  const inode = notification(codes.invalidateInode, 24);
  inode.writeBigUInt64LE(BigInt(node), replyHeaderBytes);
  inode.writeBigInt64LE(-1n, replyHeaderBytes + 8);
  return inode;
}

function notification(code: number, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(replyHeaderBytes + bodyBytes);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeInt32LE(code, 4);
  return bytes;
}
