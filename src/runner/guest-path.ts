import { posix } from 'node:path';
import type { GuestPath } from '../host.ts';

/** A path as an instruction names it: `~` is the user's home, a relative one starts at the working directory. Normalised, no `/` at the end. */
export function guestPath(text: string, at: { readonly cwd: GuestPath; readonly home: GuestPath }): GuestPath {
  const absolute =
    text === '~' || text.startsWith('~/') ? at.home + text.slice(1) : text.startsWith('/') ? text : `${at.cwd}/${text}`;
  const path = posix.normalize(absolute);
  return (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path) as GuestPath;
}

/** Whether `path` is `directory` or lies in it. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`);
}
