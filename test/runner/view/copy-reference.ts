import type { RepoPath } from '../../../src/host.ts';
import { compareNames } from '../../../src/runner/view/names.ts';
import type { RepoTree } from '../../../src/runner/view/tree.ts';
import type { ViewSpec } from '../../../src/runner/view/view.ts';

/** What a COPY leaves behind: guest path → the tree's path it came from (null: a directory made on the way). */
export type Copied = ReadonlyMap<
  string,
  { readonly kind: 'file' | 'directory' | 'link'; readonly source: string | null }
>;

/** COPY done the slow way: walk everything, match every path, copy one source after another like `cp -r`. */
export function copyEverything(spec: ViewSpec, tree: RepoTree): Copied | null {
  const image = new Map<string, { kind: 'file' | 'directory' | 'link'; source: string | null }>();
  const all: string[] = [];
  const walk = (path: string): void => {
    all.push(path);
    for (const name of tree.list(path as RepoPath) ?? []) walk(path === '' ? name : `${path}/${name}`);
  };
  walk('');
  const own = (path: string) => path === '.layer' || path.startsWith('.layer/');
  const copy = (from: string, to: string, git: boolean): void => {
    const entry = tree.entry(from as RepoPath);
    if (entry === null || own(from)) return;
    if (entry.kind !== 'directory') {
      remove(to);
      image.set(to, { kind: entry.kind, source: from });
      return;
    }
    if (image.get(to)?.kind !== 'directory') remove(to);
    image.set(to, { kind: 'directory', source: from });
    for (const name of tree.list(from as RepoPath) ?? []) {
      if (name === '.git' && !git) continue;
      copy(from === '' ? name : `${from}/${name}`, to === '/' ? `/${name}` : `${to}/${name}`, git);
    }
  };
  const remove = (path: string): void => {
    for (const other of [...image.keys()]) if (other === path || other.startsWith(`${path}/`)) image.delete(other);
  };

  const found = spec.sources.flatMap(({ path, glob }) => {
    const matched = glob
      ? all.filter((one) => one !== '' && expression(path).test(one))
      : all.filter((one) => one === path);
    return matched
      .filter((one) => !own(one) && !matched.some((other) => other !== '' && one.startsWith(`${other}/`) && glob))
      .sort(compareNames);
  });
  if (found.length === 0) return null;

  const destination = spec.destination;
  const single = spec.sources.length === 1 && spec.sources[0]?.glob === false;
  const [first = ''] = found;
  const isDirectory = (path: string) => tree.entry(path as RepoPath)?.kind === 'directory';
  const makeDirectory = (path: string): void => {
    for (let slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) {
      image.set(path.slice(0, slash), { kind: 'directory', source: null });
    }
    image.set('/', { kind: 'directory', source: null });
  };
  makeDirectory(destination);
  if (single && !isDirectory(first) && spec.placement === 'as') {
    copy(first, destination, first.includes('.git'));
    return image;
  }
  image.set(destination, { kind: 'directory', source: null });
  for (const one of found) {
    const git = one.split('/').includes('.git');
    if (one === '' || (single && isDirectory(one))) copy(one, destination, git);
    else copy(one, `${destination === '/' ? '' : destination}/${one.slice(one.lastIndexOf('/') + 1)}`, git);
  }
  return image;
}

function expression(pattern: string): RegExp {
  const source = pattern
    .split('/')
    .map((part, index, parts) => {
      const any = '(?!\\.git(?:/|$))[^/]';
      if (part === '**') return index === parts.length - 1 ? `${any}+(?:/${any}+)*` : `(?:${any}+/)*`;
      const name = part
        .replace(/[.+^${}()|]/g, '\\$&')
        .replace(/\*/g, '[^/]*')
        .replace(/\?/g, '[^/]');
      const guarded = /[*?]/.test(part) ? `(?!\\.git(?:/|$))${name}` : name;
      return index === parts.length - 1 ? guarded : `${guarded}/`;
    })
    .join('');
  return new RegExp(`^${source}$`, 'su');
}
