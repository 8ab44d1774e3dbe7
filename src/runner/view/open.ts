import type { GuestPath, RepoPath } from '../../host.ts';
import { expandGlob, parseGlob } from '../../ir/glob.ts';
import { joinPath } from '../../ir/sources.ts';
import { compareNames, encodeName } from './names.ts';
import type { RepoTree, TreeEntry } from './tree.ts';
import type { View, ViewEntry, ViewSpec } from './view.ts';

/** Something of the tree that stands at a place of the view. `order` counts the sources; `git`: its source names `.git`. */
interface Part {
  readonly path: RepoPath;
  readonly order: number;
  readonly git: boolean;
}

/** What stands at a path of the view. */
type Place =
  | { readonly kind: 'leaf'; readonly path: RepoPath; readonly entry: Exclude<TreeEntry, { kind: 'directory' }> }
  /** A directory: whole directories of the tree that lie over each other (the last source's first), and things placed in it by name. */
  | {
      readonly kind: 'directory';
      readonly parts: readonly Part[];
      readonly named: ReadonlyMap<string, readonly Part[]>;
      readonly attributes: ViewSpec['ancestors'][number];
    };

const created = { mode: 0o775, uid: 0, gid: 0 };
const nothingNamed: ReadonlyMap<string, readonly Part[]> = new Map();

/**
 * What the machine sees of one COPY or CLONE. Pure and lazy: it asks the tree about the paths it is asked about; only globs look further.
 * Where sources collide, directories merge, and of anything else the later source stands (as with one `cp` after another).
 * A root among several sources has no name to keep, so it gives its contents. What a glob matches inside a directory that it matches, comes with
 * that directory. `.git` is left out at any depth unless the source names it, `.layer` at the tree's root always.
 */
export function openView(spec: ViewSpec, tree: RepoTree): View {
  const leading = namesOf(spec.destination);
  const directories = new Map<string, Place>();
  let opened: { readonly top: Place | null; readonly missing: readonly RepoPath[] } | null = null;

  const open = () => (opened ??= layOut(spec, tree));

  const placeAt = (path: string): Place | null => {
    const known = directories.get(path);
    if (known !== undefined) return known;
    const place = isBelow(path) ? below(path) : find(namesOf(path), path);
    if (place?.kind === 'directory') directories.set(path, place);
    return place;
  };

  const find = (names: readonly string[], path: string): Place | null => {
    if (names.length <= leading.length) {
      if (names.some((name, index) => name !== leading[index])) return null;
      if (names.length === leading.length) return open().top;
      return { kind: 'directory', parts: [], named: nothingNamed, attributes: attributesAt(spec, names.length) };
    }
    return below(path);
  };

  /** Whether a path in its normal form lies below the destination: then only its last name has to be looked at. */
  const prefix = spec.destination === '/' ? '/' : `${spec.destination}/`;
  const isBelow = (path: string): boolean => path.length > prefix.length && path.startsWith(prefix);

  const below = (path: string): Place | null => {
    const slash = path.lastIndexOf('/');
    const parent = placeAt(path.slice(0, slash) || '/');
    return parent === null ? null : merge(tree, candidates(parent, path.slice(slash + 1)));
  };

  const list = (path: GuestPath): readonly string[] | null => {
    const place = placeAt(path);
    if (place?.kind !== 'directory') return null;
    const depth = namesOf(path).length;
    if (depth < leading.length) return open().top === null ? [] : [leading[depth] ?? ''];
    const found = [...place.named.keys()].filter((name) => merge(tree, candidates(place, name)) !== null);
    const lists = place.parts.map((part) => (tree.list(part.path) ?? []).filter((name) => !isLeftOut(part, name)));
    const [only] = lists;
    if (lists.length === 1 && only !== undefined && found.length === 0) return only;
    return [...new Set([...found, ...lists.flat()])].sort(compareNames);
  };

  return {
    spec,
    get missing() {
      return open().missing;
    },
    entry(path) {
      const place = placeAt(path);
      return place === null ? null : describe(place);
    },
    kind(path) {
      const names = namesOf(path);
      const parent = names.length > leading.length ? placeAt(path.slice(0, path.lastIndexOf('/')) || '/') : null;
      if (parent?.kind === 'directory') {
        const [only, ...others] = candidates(parent, names.at(-1) ?? '');
        if (others.length === 0) return only === undefined ? null : tree.kind(only.path);
      }
      const place = placeAt(path);
      if (place === null) return null;
      return place.kind === 'directory' ? 'directory' : place.entry.kind;
    },
    list,
    digest(path) {
      const place = placeAt(path);
      return place?.kind === 'leaf' ? tree.digest(place.path) : null;
    },
  };
}

/** What stands at the destination; null where nothing does. */
function layOut(spec: ViewSpec, tree: RepoTree): { readonly top: Place | null; readonly missing: readonly RepoPath[] } {
  const missing: RepoPath[] = [];
  const parts: Part[] = [];
  const named = new Map<string, Part[]>();
  const [first] = spec.sources;
  const single = spec.sources.length === 1 && first?.glob === false;
  let order = 0;
  for (const source of spec.sources) {
    const present = sourcePaths(tree, source);
    if (present.length === 0) missing.push(source.path);
    for (const path of present) {
      const part: Part = { path, order, git: path.split('/').includes('.git') };
      order += 1;
      const entry = tree.entry(path);
      if (entry === null) continue;
      if (entry.kind !== 'directory' && single && spec.placement === 'as') {
        return { top: { kind: 'leaf', path, entry }, missing };
      }
      if (path === '' || (entry.kind === 'directory' && single)) {
        parts.unshift(part);
        continue;
      }
      const name = path.slice(path.lastIndexOf('/') + 1);
      const same = named.get(name);
      if (same === undefined) named.set(name, [part]);
      else same.unshift(part);
    }
  }
  if (order === 0) return { top: null, missing };
  const attributes = attributesAt(spec, namesOf(spec.destination).length);
  return { top: { kind: 'directory', parts, named, attributes }, missing };
}

/** The paths that a source stands for in a tree, in byte order; none where nothing is. */
export function sourcePaths(tree: RepoTree, source: ViewSpec['sources'][number]): readonly RepoPath[] {
  const paths = source.glob ? matches(tree, source.path) : [source.path];
  return paths.filter((path) => !isOwnDirectory(path) && tree.kind(path) !== null);
}

/** The paths that a glob matches, in byte order, without those inside a directory that it matches too. */
function matches(tree: RepoTree, pattern: RepoPath): readonly RepoPath[] {
  const found = expandGlob(parseGlob(pattern), (directory) => {
    const names = tree.list(directory);
    return names?.map((name) => ({ name, directory: tree.kind(joinPath(directory, name)) === 'directory' })) ?? null;
  });
  const all = new Set<string>(found);
  const insideAnother = (path: string) => {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      if (all.has(path.slice(0, slash))) return true;
    }
    return false;
  };
  return found.filter((path) => !insideAnother(path)).sort(compareNames);
}

/** What may stand under a name in a directory, the last source's first. */
function candidates(place: Place, name: string): readonly Part[] {
  if (place.kind !== 'directory') return [];
  const [only] = place.parts;
  if (only !== undefined && place.parts.length === 1 && place.named.size === 0) {
    return isLeftOut(only, name) ? [] : [{ path: joinPath(only.path, name), order: only.order, git: only.git }];
  }
  const inside = place.parts
    .filter((part) => !isLeftOut(part, name))
    .map((part) => ({ ...part, path: joinPath(part.path, name) }));
  const named = place.named.get(name);
  return named === undefined ? inside : [...named, ...inside].sort((a, b) => b.order - a.order);
}

function merge(tree: RepoTree, parts: readonly Part[]): Place | null {
  const directories: Part[] = [];
  for (const part of parts) {
    const entry = tree.entry(part.path);
    if (entry === null) continue;
    if (entry.kind === 'directory') {
      directories.push(part);
      continue;
    }
    if (directories.length === 0) return { kind: 'leaf', path: part.path, entry };
    break;
  }
  if (directories.length === 0) return null;
  return { kind: 'directory', parts: directories, named: nothingNamed, attributes: created };
}

function describe(place: Place): ViewEntry {
  if (place.kind === 'directory') {
    const source = place.parts[0]?.path ?? null;
    return { kind: 'directory', ...place.attributes, sizeBytes: 0, target: null, source };
  }
  const { entry, path: source } = place;
  if (entry.kind === 'link') {
    const sizeBytes = encodeName(entry.target).length;
    return { kind: 'link', mode: 0o777, uid: 0, gid: 0, sizeBytes, target: entry.target, source };
  }
  const mode = entry.executable ? 0o775 : 0o664;
  return { kind: 'file', mode, uid: 0, gid: 0, sizeBytes: entry.sizeBytes, target: null, source };
}

function attributesAt(spec: ViewSpec, depth: number): ViewSpec['ancestors'][number] {
  return spec.ancestors[depth] ?? created;
}

function isLeftOut(part: Part, name: string): boolean {
  return (name === '.git' && !part.git) || (part.path === '' && name === '.layer');
}

function isOwnDirectory(path: RepoPath): boolean {
  return path === '.layer' || path.startsWith('.layer/');
}

function namesOf(path: string): readonly string[] {
  return path.split('/').filter((name) => name !== '');
}
