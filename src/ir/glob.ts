import type { RepoPath } from '../host.ts';
import { isWithin, joinPath } from './sources.ts';

/**
 * Patterns of COPY and CLONE sources: `*` and `?` within a name, `[…]` (`!` or `^` first turns it round, ranges with `-`), and `**`
 * as a whole name for any number of directories, none included. `\` takes the next character as it is. Names that start with a
 * dot are matched like others (as Docker does); `.git` and the root's `.layer` only where the pattern spells them out.
 */
export type GlobPattern = readonly GlobSegment[];

export type GlobSegment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly expression: RegExp }
  | { readonly kind: 'any-depth' };

/** Puts a backslash before each character that a pattern would read. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}

/** Compiles a normalised path with wildcards. An unclosed `[` is an ordinary character. */
export function parseGlob(pattern: RepoPath): GlobPattern {
  if (pattern === '') return [];
  return pattern.split('/').map((segment): GlobSegment => {
    if (/^\*\*+$/.test(segment)) return { kind: 'any-depth' };
    const plain = segment.replace(/\\(.)/gs, '$1');
    if (!/(^|[^\\])(\\\\)*[*?[]/.test(segment)) return { kind: 'name', name: plain };
    return { kind: 'pattern', expression: segmentExpression(segment) };
  });
}

/** Whether a path matches the whole pattern. A directory that matches brings all that is in it: see `globCovers`. */
export function matchGlob(pattern: GlobPattern, path: RepoPath): boolean {
  return matchNames(pattern, path === '' ? [] : path.split('/')) === 'whole';
}

/** Whether a pattern takes a path: it, or a directory above it, matches. */
export function globCovers(pattern: GlobPattern, path: RepoPath): boolean {
  return matchNames(pattern, path === '' ? [] : path.split('/')) !== 'none';
}

/** Names and kinds in a directory; null where no directory is. */
export type ListDirectory = (
  directory: RepoPath,
) => readonly { readonly name: string; readonly directory: boolean }[] | null;

/** The paths that a pattern matches, sorted and each once. Looks only into directories that can hold a match; follows no links. */
export function expandGlob(pattern: GlobPattern, list: ListDirectory): readonly RepoPath[] {
  const found = new Set<RepoPath>();
  const seen = new Set<string>();
  const visit = (directory: RepoPath, index: number): void => {
    const visitKey = `${index}:${directory}`;
    if (seen.has(visitKey)) return;
    seen.add(visitKey);
    const segment = pattern[index];
    if (segment === undefined) return;
    const last = index === pattern.length - 1;
    if (segment.kind === 'any-depth') {
      if (!last) visit(directory, index + 1);
      for (const entry of list(directory) ?? []) {
        if (isHidden(directory, entry.name)) continue;
        const path = joinPath(directory, entry.name);
        if (last) found.add(path);
        if (entry.directory) visit(path, index);
      }
      return;
    }
    if (segment.kind === 'name' && !last) {
      visit(joinPath(directory, segment.name), index + 1);
      return;
    }
    for (const entry of list(directory) ?? []) {
      if (!matchesName(segment, directory, entry.name)) continue;
      const path = joinPath(directory, entry.name);
      if (last) found.add(path);
      else if (entry.directory) visit(path, index + 1);
    }
  };
  visit('' as RepoPath, 0);
  return [...found].sort((a, b) => (a < b ? -1 : 1));
}

/** Whether a path is one that no COPY takes unless it is named: git's own directory, or this tool's. */
export function isNeverCopied(path: RepoPath): boolean {
  return isWithin('.layer' as RepoPath, path) || path.split('/').includes('.git');
}

function isHidden(directory: RepoPath, name: string): boolean {
  return name === '.git' || (directory === '' && name === '.layer');
}

function matchesName(segment: GlobSegment, directory: RepoPath, name: string): boolean {
  switch (segment.kind) {
    case 'name':
      return segment.name === name;
    case 'pattern':
      return segment.expression.test(name) && !isHidden(directory, name);
    case 'any-depth':
      return !isHidden(directory, name);
  }
}

/** `whole`: all names match; `prefix`: a directory above does; positions are advanced together, so that the cost is linear in both. */
function matchNames(pattern: GlobPattern, names: readonly string[]): 'whole' | 'prefix' | 'none' {
  let states = closure(pattern, new Set([0]));
  let directory = '' as RepoPath;
  let prefix = states.has(pattern.length) && names.length > 0;
  for (const [index, name] of names.entries()) {
    const next = new Set<number>();
    for (const state of states) {
      const segment = pattern[state];
      if (segment === undefined || !matchesName(segment, directory, name)) continue;
      next.add(segment.kind === 'any-depth' ? state : state + 1);
      if (segment.kind === 'any-depth' && state === pattern.length - 1) next.add(state + 1);
    }
    states = closure(pattern, next);
    directory = joinPath(directory, name);
    if (states.has(pattern.length)) {
      if (index === names.length - 1) return 'whole';
      prefix = true;
    }
    if (states.size === 0) break;
  }
  if (names.length === 0 && states.has(pattern.length)) return 'whole';
  return prefix ? 'prefix' : 'none';
}

/** `**` before another segment may stand for no directory at all. */
function closure(pattern: GlobPattern, states: Set<number>): Set<number> {
  for (const state of states) {
    if (pattern[state]?.kind === 'any-depth' && state < pattern.length - 1) states.add(state + 1);
  }
  return states;
}

function segmentExpression(segment: string): RegExp {
  let source = '';
  for (let at = 0; at < segment.length; at += 1) {
    const character = segment[at] ?? '';
    if (character === '*') source += '[^/]*';
    else if (character === '?') source += '[^/]';
    else if (character === '\\' && at + 1 < segment.length) {
      at += 1;
      source += escapeExpression(segment[at] ?? '');
    } else if (character === '[') {
      const set = bracket(segment, at);
      source += set?.source ?? '\\[';
      at = set?.end ?? at;
    } else source += escapeExpression(character);
  }
  return new RegExp(`^${source.replace(/(\[\^\/\]\*)+/g, '[^/]*')}$`, 'su');
}

/** A `[…]` that starts at `at`: its expression and the index of its `]`; null when it is not closed. */
function bracket(segment: string, at: number): { readonly source: string; readonly end: number } | null {
  let index = at + 1;
  const negated = segment[index] === '!' || segment[index] === '^';
  if (negated) index += 1;
  const members: string[] = [];
  for (let first = true; index < segment.length; index += 1, first = false) {
    let character = segment[index] ?? '';
    if (character === ']' && !first) {
      const source = members.join('');
      try {
        new RegExp(`[${source}]`, 'u');
      } catch {
        return null;
      }
      return { source: negated ? `[^/${source}]` : `[${source}]`, end: index };
    }
    if (character === '\\' && index + 1 < segment.length) {
      index += 1;
      character = segment[index] ?? '';
      members.push(escapeMember(character));
    } else if (character === '-' && !first && segment[index + 1] !== ']') members.push('-');
    else members.push(escapeMember(character));
  }
  return null;
}

function escapeExpression(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}

function escapeMember(character: string): string {
  return character.replace(/[\\^\]\-[/]/, '\\$&');
}
