import { nearest } from '../diagnostics/near.ts';
import type { RepoPath, RepoReader } from '../host.ts';
import { directoryOf, resolveSource } from '../ir/sources.ts';
import { layerfileAt } from './discover.ts';

/** A word of FROM or WAIT that leads nowhere. */
export interface MissingLayerfile {
  /** The repository's Layerfiles. */
  readonly own: readonly RepoPath[];
  readonly repo: RepoReader;
  /** The directory that the word is relative to. */
  readonly from: RepoPath;
  readonly source: string;
}

/** Searches are linear in the number of Layerfiles; past this many, mistakes are reported without a suggestion. */
const searchLimit = 100;

/** `nearLayerfile` for one compilation: a bounded number of searches, so that a thousand mistakes in a thousand files are not a million. */
export function boundedSuggestions(): (asked: MissingLayerfile) => string | null {
  let searches = 0;
  return (asked) => {
    searches += 1;
    return searches > searchLimit ? null : nearLayerfile(asked);
  };
}

/** The Layerfile that a path that leads nowhere most likely means, written the same way. */
export function nearLayerfile(asked: MissingLayerfile): string | null {
  const { own, repo, from, source } = asked;
  const other = source.startsWith('/') ? `.${source}` : `/${source.replace(/^(\.\.?\/)+/, '')}`;
  const swapped = resolveSource(from, other);
  if (swapped !== 'outside' && layerfileAt(repo, swapped.path) !== null) return other;
  const whole =
    /layerfile$/i.test(source) || nearest(source.slice(source.lastIndexOf('/') + 1), ['Layerfile']) !== null;
  const candidates = own.map((location) => {
    const target = whole ? location : directoryOf(location);
    if (source.startsWith('/')) return `/${target}`;
    return relativePath(from, target, { dot: source.startsWith('.') });
  });
  return nearest(source.replace(/(.)\/+$/, '$1'), candidates);
}

/** A path as seen from a directory, with a leading `./` where it has no `../` and `dot` is asked for. */
function relativePath(from: RepoPath, target: string, style: { readonly dot: boolean }): string {
  const source = from === '' ? [] : from.split('/');
  const goal = target === '' ? [] : target.split('/');
  let common = 0;
  while (common < source.length && common < goal.length && source[common] === goal[common]) common += 1;
  const names = [...source.slice(common).map(() => '..'), ...goal.slice(common)];
  if (names[0] === '..' || !style.dot) return names.join('/') || '.';
  return ['.', ...names].join('/');
}
