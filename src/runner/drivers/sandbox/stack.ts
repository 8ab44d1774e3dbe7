import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { GuestPath } from '../../../host.ts';
import type { BaseMachine, StackEntry } from '../../driver.ts';
import type { ViewSpec } from '../../view/view.ts';
import { absent, lookIn } from './look-in.ts';

/** What a root overlay is made of. */
export type RootEntry = Exclude<StackEntry, { readonly kind: 'machine' }>;

export type Attributes = ViewSpec['ancestors'][number];

/** What a directory that nobody described shows. */
export const plainDirectory: Attributes = { mode: 0o775, uid: 0, gid: 0 };

/** The files that belong to a run and are bound over the machine's own. */
export const boundFiles = ['resolv.conf', 'hosts', 'hostname'] as const;

/**
 * A layer to stand on the base that holds what must exist for mounts: only what the base lacks, or holds as something else.
 * Writes into `directory`, which must not exist; false where the base has it all.
 */
export function writeMountPoints(base: BaseMachine, directory: string): boolean {
  let needed = false;
  mkdirSync(directory);
  copyAttributes(base.root, directory);
  const make = (path: string, mode: number): void => {
    if (kindOf(base, path) === 'directory') return;
    needed = true;
    ensureAbove(path);
    mkdirSync(join(directory, path), { recursive: true });
    chmodSync(join(directory, path), mode);
  };
  const ensureAbove = (path: string): void => {
    const above = dirname(path);
    if (above === '.' || existsSync(join(directory, above))) return;
    mkdirSync(join(directory, above));
    if (kindOf(base, above) === 'directory') copyAttributes(join(base.root, above), join(directory, above));
  };
  for (const path of ['proc', 'sys', 'dev', 'run', 'etc']) make(path, 0o755);
  for (const path of ['dev/shm', 'tmp']) if (kindOf(base, path) !== 'link') make(path, 0o1777);
  for (const name of boundFiles) {
    if (kindOf(base, `etc/${name}`) === 'file') continue;
    needed = true;
    ensureAbove(join('etc', name));
    writeFileSync(join(directory, 'etc', name), '', { mode: 0o644 });
  }
  return needed;
}

/**
 * Mode and owner of each directory above a path, index 0 being `/`, as the stack over the base shows them; last the path's own, where a
 * directory is there already.
 */
export function attributesTo(path: GuestPath, below: readonly RootEntry[], base: BaseMachine): readonly Attributes[] {
  const names = path.split('/').slice(1, -1);
  const above = ['', ...names].map(
    (_, depth) => attributesAt(['', ...names.slice(0, depth)].join('/'), depth, below, base) ?? plainDirectory,
  );
  const own = attributesAt(path, names.length + 1, below, base);
  return own === null ? above : [...above, own];
}

function attributesAt(path: string, depth: number, below: readonly RootEntry[], base: BaseMachine): Attributes | null {
  for (const entry of below.toReversed()) {
    if (entry.kind === 'view') {
      const inside = entry.view.destination === path || `${entry.view.destination}/`.startsWith(`${path}/`);
      if (inside) return entry.view.ancestors[depth] ?? plainDirectory;
    } else {
      const place =
        entry.at === null
          ? path
          : path.startsWith(`${entry.at}/`) || path === entry.at
            ? path.slice(entry.at.length)
            : null;
      const found = place === null ? absent : lookIn(entry.directory, place);
      if (found.kind === 'hidden') return null;
      if (found.kind === 'directory') return found.attributes;
    }
  }
  const found = lookIn(base.root, path);
  return found.kind === 'directory' ? found.attributes : null;
}

/**
 * Where a layer that is rooted at a path can stand as it is: its directory ends in that very path, nothing else lies beside it, and the directories
 * on the way (`shown`, see `attributesTo`) show what the machine shows. Null where it must be linked into place.
 */
export function rootedAt(directory: string, at: GuestPath, shown: readonly Attributes[]): string | null {
  if (!directory.endsWith(at)) return null;
  const own = ownAttributes(at, shown);
  if (own !== null && !areEqual(directoryAttributes(directory), own)) return null;
  const root = directory.slice(0, -at.length);
  let place = root;
  for (const [depth, name] of at.split('/').slice(1).entries()) {
    const same = areEqual(directoryAttributes(place), shown[depth] ?? null);
    if (!same || readdirSync(place).length !== 1) return null;
    place = join(place, name);
  }
  return root;
}

/** What the path itself shows already, of what `attributesTo` says; null where nothing is there. */
export function ownAttributes(path: GuestPath, shown: readonly Attributes[]): Attributes | null {
  return shown[path.split('/').length - 1] ?? null;
}

function areEqual(one: Attributes | null, other: Attributes | null): boolean {
  return one?.mode === other?.mode && one?.uid === other?.uid && one?.gid === other?.gid;
}

/** Makes the directories above a path below `root`, with the attributes given; returns the host's path of the last. */
export function makeAbove(root: string, at: GuestPath, above: readonly Attributes[]): string {
  let place = root;
  for (const [depth, name] of ['', ...at.split('/').slice(1, -1)].entries()) {
    place = join(place, name);
    const attributes = above[depth] ?? plainDirectory;
    mkdirSync(place, { recursive: true });
    chownSync(place, attributes.uid, attributes.gid);
    chmodSync(place, attributes.mode);
  }
  return place;
}

/** What `/` shows: the topmost layer's root, or the base's. */
export function rootAttributes(stack: readonly RootEntry[], base: BaseMachine): Attributes {
  const top = stack.findLast((entry) => entry.kind === 'layer' && entry.at === null);
  return directoryAttributes(top?.kind === 'layer' ? top.directory : base.root) ?? plainDirectory;
}

/** Whether a machine wrote anything into an upper that began with these attributes. */
export function isUntouched(upper: string, began: Attributes): boolean {
  const now = directoryAttributes(upper);
  return readdirSync(upper).length === 0 && now?.mode === began.mode && now.uid === began.uid && now.gid === began.gid;
}

export function applyAttributes(directory: string, attributes: Attributes): void {
  chownSync(directory, attributes.uid, attributes.gid);
  chmodSync(directory, attributes.mode);
}

function copyAttributes(from: string, to: string): void {
  const { mode, uid, gid } = statSync(from);
  applyAttributes(to, { mode: mode & 0o7777, uid, gid });
}

function directoryAttributes(path: string): Attributes | null {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isDirectory()) return null;
  return { mode: found.mode & 0o7777, uid: found.uid, gid: found.gid };
}

function kindOf(base: BaseMachine, path: string): 'file' | 'directory' | 'link' | 'other' | null {
  if (lookIn(base.root, dirname(path)).kind !== 'directory') return null;
  const found = lstatSync(join(base.root, path), { throwIfNoEntry: false });
  if (found === undefined) return null;
  if (found.isDirectory()) return 'directory';
  if (found.isFile()) return 'file';
  return found.isSymbolicLink() ? 'link' : 'other';
}
