import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { EntryKind, Processes, ReadFailure, RepoPath, RepoReader } from '../host.ts';
import { gitLayerfiles, walkedLayerfiles } from './layerfiles.ts';

/** The repository that holds a directory: the nearest git working tree, else the directory itself. */
export function openRepository(directory: string, processes: Processes): RepoReader {
  const start = realpathSync.native(directory);
  const tree = workingTree(start);
  const root = tree ?? start;
  const { locate, follow } = placesIn(root);

  const reader: RepoReader = {
    root,
    git: tree !== null,
    kind(path) {
      const place = locate(path);
      return 'failure' in place ? null : kindOf(place.stats);
    },
    read(path) {
      const place = follow(path);
      return 'failure' in place ? place : readAt(place.path);
    },
    list(path) {
      const place = follow(path);
      if ('failure' in place || !place.stats.isDirectory()) return null;
      const entries = attempt(() => readdirSync(place.path, { withFileTypes: true }));
      if ('failure' in entries) return null;
      return entries.value
        .map((one) => ({ name: one.name, kind: kindOf(one) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    link(path) {
      const place = locate(path);
      if ('failure' in place || !place.stats.isSymbolicLink()) return null;
      const target = attempt(() => readlinkSync(place.path));
      return 'failure' in target ? null : target.value;
    },
    async layerfiles() {
      const known = tree === null ? null : await gitLayerfiles(root, processes);
      const found = (known ?? walkedLayerfiles(reader)).filter((path) => reader.kind(path) !== null);
      // Git does not know of an empty directory, which somebody may have made by mistake.
      const misplaced = 'Layerfile' as RepoPath;
      return found.length === 0 && reader.kind(misplaced) === 'directory' ? [misplaced] : found;
    },
  };
  return reader;
}

/** The nearest directory, upwards, that git has marked as a working tree. */
function workingTree(start: string): string | null {
  for (let directory = start; ; directory = dirname(directory)) {
    if (existsSync(join(directory, '.git'))) return directory;
    if (directory === dirname(directory)) return null;
  }
}

type Place = { readonly path: string; readonly stats: Stats } | { readonly failure: ReadFailure };

/** Where paths of a repository lie, never outside its root: `locate` does not follow a link at the path itself, `follow` does. */
function placesIn(root: string) {
  const isInside = (path: string) => path === root || path.startsWith(root === '/' ? root : `${root}/`);

  function locate(path: RepoPath): Place {
    if (path.includes('\0')) return { failure: 'absent' };
    const parent = attempt(() => (path === '' ? dirname(root) : realpathSync.native(join(root, dirname(path)))));
    if ('failure' in parent) return parent;
    if (path !== '' && !isInside(parent.value)) return { failure: 'outside' };
    const place = path === '' ? root : join(parent.value, basename(path));
    const stats = attempt(() => lstatSync(place));
    return 'failure' in stats ? stats : { path: place, stats: stats.value };
  }

  function follow(path: RepoPath): Place {
    const place = locate(path);
    if ('failure' in place || !place.stats.isSymbolicLink()) return place;
    const target = attempt(() => realpathSync.native(place.path));
    if ('failure' in target) return target;
    if (!isInside(target.value)) return { failure: 'outside' };
    const stats = attempt(() => lstatSync(target.value));
    return 'failure' in stats ? stats : { path: target.value, stats: stats.value };
  }

  return { locate, follow };
}

function readAt(path: string): ReturnType<RepoReader['read']> {
  // Neither a link put there meanwhile nor a pipe without a writer can hold this up.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const opened = attempt(() => openSync(path, flags));
  if ('failure' in opened) return opened;
  try {
    if (!fstatSync(opened.value).isFile()) return { failure: 'not-a-file' };
    const bytes = attempt(() => readFileSync(opened.value));
    return 'failure' in bytes ? bytes : { bytes: bytes.value };
  } finally {
    closeSync(opened.value);
  }
}

/** What a look at the file system gave, or why it gave nothing. */
function attempt<T>(look: () => T): { readonly value: T } | { readonly failure: ReadFailure } {
  try {
    return { value: look() };
  } catch (problem) {
    return { failure: failureOf((problem as NodeJS.ErrnoException).code) };
  }
}

function failureOf(code: string | undefined): ReadFailure {
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return 'absent';
  if (code === 'EACCES' || code === 'EPERM') return 'denied';
  if (code === 'EISDIR' || code === 'ENXIO') return 'not-a-file';
  return 'failed';
}

function kindOf(entry: Stats | Dirent): EntryKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
