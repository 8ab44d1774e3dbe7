import { Buffer } from 'node:buffer';
import { lstatSync, type Stats } from 'node:fs';
import { encodeName } from '../../view/names.ts';
import type { Attributes } from './stack.ts';

/** What a layer or a base holds at a path. Where a whiteout, a file or a link stands on the way, it hides what lies below in other layers. */
export type InLayer =
  | { readonly kind: 'directory'; readonly attributes: Attributes }
  | { readonly kind: 'absent' }
  | { readonly kind: 'hidden' };

export const absent: InLayer = { kind: 'absent' };

/** Looks at a path (from `/`, or empty for the root itself) in a directory that stands for `/`, name by name: a link on the way would lead out of it. */
export function lookIn(root: string, path: string): InLayer {
  let place = Buffer.from(root);
  let stats = statsOf(place);
  for (const name of path.split('/').filter((one) => one !== '')) {
    if (stats?.isDirectory() !== true) break;
    place = Buffer.concat([place, Buffer.from('/'), encodeName(name)]);
    stats = statsOf(place);
  }
  if (stats === undefined) return absent;
  if (!stats.isDirectory()) return { kind: 'hidden' };
  return { kind: 'directory', attributes: { mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid } };
}

/** Nothing has a name that is too long for the file system. */
function statsOf(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (problem) {
    if ((problem as NodeJS.ErrnoException).code === 'ENAMETOOLONG') return undefined;
    throw problem;
  }
}
