import ignore, { type Ignore } from 'ignore';
import { nearest } from '../diagnostics/near.ts';
import type { EntryKind, RepoPath, RepoReader } from '../host.ts';
import { type ListDirectory, expandGlob, parseGlob } from '../ir/glob.ts';
import type { RepositorySource } from '../ir/ir.ts';
import { directoryOf, joinPath, resolveSource } from '../ir/sources.ts';
import { locate } from './layerfile.ts';

/** What the rules ask of one repository's working tree; each question reaches the disk once. */
export interface RepositoryLook {
  /** The directory of the Layerfile, for relative sources. */
  readonly from: RepoPath;
  /** What is there; nothing is behind a symbolic link. */
  kind(path: RepoPath): EntryKind | null;
  /** Whether a pattern matches anything. */
  matches(pattern: RepoPath): boolean;
  /** The existing name nearest to a missing path, as the whole path; null where none is near. */
  near(path: RepoPath): RepoPath | null;
  /** Whether the root's `.layerignore` leaves a path out of every COPY. */
  ignored(path: RepoPath): boolean;
}

/** Past this many missing paths, no near names are looked for: a big directory would be compared again and again. */
const searchLimit = 100;

/** Remembers what the repository answered. */
export class RepositoryMemory {
  private readonly repo: RepoReader;
  private readonly kinds = new Map<RepoPath, EntryKind | null>();
  private readonly lists = new Map<RepoPath, ReturnType<RepoReader['list']>>();
  private readonly ignoreFiles = new Map<RepoPath, Ignore>();
  private searches = 0;
  private readonly patterns = new Map<RepoPath, boolean>();

  constructor(repo: RepoReader) {
    this.repo = repo;
  }

  kind(path: RepoPath): EntryKind | null {
    if (path === '') return 'directory';
    const known = this.kinds.get(path);
    if (known !== undefined) return known;
    // Links on the way are not followed: a link is copied as a link.
    const kind = this.kind(directoryOf(path)) === 'directory' ? this.repo.kind(path) : null;
    this.kinds.set(path, kind);
    return kind;
  }

  list(path: RepoPath): ReturnType<RepoReader['list']> {
    const known = this.lists.get(path);
    if (known !== undefined) return known;
    const list = this.repo.list(path);
    this.lists.set(path, list);
    return list;
  }

  /** Where a path leads that goes through a link inside the repository; null where that is nowhere, or no link is on the way. */
  private behindLink(repository: RepositorySource, path: RepoPath): RepoPath | null {
    const names = path.split('/');
    const index = names.findIndex(
      (_name, last) => this.kind(locate(repository, names.slice(0, last + 1).join('/') as RepoPath)) === 'link',
    );
    const link = names.slice(0, index + 1).join('/') as RepoPath;
    const target = index < 0 || index === names.length - 1 ? null : this.repo.link(locate(repository, link));
    if (target === null || target.startsWith('/')) return null;
    const resolved = resolveSource(directoryOf(link), `${target}/${names.slice(index + 1).join('/')}`);
    return resolved !== 'outside' && this.kind(locate(repository, resolved.path)) !== null ? resolved.path : null;
  }

  private ignores(file: RepoPath): Ignore {
    const known = this.ignoreFiles.get(file);
    if (known !== undefined) return known;
    const content = this.repo.read(file);
    const rules = ignore().add('bytes' in content ? new TextDecoder().decode(content.bytes) : '');
    this.ignoreFiles.set(file, rules);
    return rules;
  }

  /** How a Layerfile of that repository sees it. */
  lookFrom(repository: RepositorySource, layerfile: RepoPath): RepositoryLook {
    const list: ListDirectory = (directory) =>
      this.list(locate(repository, directory))?.map(({ name, kind }) => ({ name, directory: kind === 'directory' })) ??
      null;
    return {
      from: directoryOf(layerfile),
      kind: (path) => this.kind(locate(repository, path)),
      matches: (pattern) => {
        const located = locate(repository, pattern);
        const known = this.patterns.get(located);
        if (known !== undefined) return known;
        const matches = expandGlob(parseGlob(pattern), list).length > 0;
        this.patterns.set(located, matches);
        return matches;
      },
      near: (path) => {
        const behind = this.behindLink(repository, path);
        if (behind !== null) return behind;
        this.searches += 1;
        if (this.searches > searchLimit) return null;
        const directory = directoryOf(path);
        const names = list(directory)?.map(({ name }) => name) ?? [];
        const name = path.slice(directory === '' ? 0 : directory.length + 1);
        const near = nearest(name, names);
        return near === null ? null : joinPath(directory, near);
      },
      ignored: (path) => this.ignores(locate(repository, '.layerignore' as RepoPath)).ignores(path),
    };
  }
}
