import type { Buffer } from 'node:buffer';

/** An entry of a tar archive. Names are bytes, a character for each. */
export interface TarEntry {
  readonly path: string;
  readonly type: 'file' | 'hard link' | 'link' | 'character' | 'block' | 'directory' | 'pipe';
  /** Of a link: where to. */
  readonly target: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly modified: { readonly seconds: bigint; readonly nanoseconds: number };
  /** Of a device: its number. */
  readonly major: number;
  readonly minor: number;
  readonly attributes: readonly { readonly name: string; readonly value: Buffer }[];
}

export const blockBytes = 512;
/** Types by their letters in an archive, from `0`. */
export const tarTypes: readonly TarEntry['type'][] = [
  'file',
  'hard link',
  'link',
  'character',
  'block',
  'directory',
  'pipe',
];
/** Before the name of an extended attribute in a pax header, as GNU tar writes it. */
export const attributePrefix = 'SCHILY.xattr.';
/** Where each field of a header is: offset, length (ustar interchange format, POSIX.1). */
export const headerFields = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  sum: [148, 8],
  type: [156, 1],
  link: [157, 100],
  magic: [257, 8],
  major: [329, 8],
  minor: [337, 8],
  prefix: [345, 155],
} as const;
