import { diagnostic } from '../../diagnostics/diagnostic.ts';
import type { RepoPath } from '../../host.ts';
import { argumentText, staticText } from '../../ir/expand.ts';
import type { Copy } from '../../ir/ir.ts';
import { joinPath, resolveSource } from '../../ir/sources.ts';
import { guestPath, type Scope } from '../../ir/walk.ts';
import type { RepositoryLook } from '../repository-look.ts';
import { type CheckedLayerfile, chainUp, type Rule } from './rule.ts';

/** A CACHE path that a COPY of the chain puts files into. */
export const checkCacheOverCopy: Rule = (checked, report) => {
  if (!checked.steps.some(({ step }) => step.kind === 'cache')) return;
  const landings = [...chainUp(checked)].flatMap(landingsIn);
  for (const { step, scope } of checked.steps) {
    if (step.kind !== 'cache') continue;
    for (const path of step.paths) {
      const text = staticText(path);
      const cached = text === '' ? null : guestPath(scope, text);
      const landing = cached === null ? undefined : landings.find((one) => one.fills(cached));
      if (landing === undefined) continue;
      const notes = [{ message: 'this COPY fills it', span: landing.copy.span }];
      report(diagnostic('lint/cache-over-copy', path.span, { path: argumentText(path) }, notes));
    }
  }
};

const known = new WeakMap<CheckedLayerfile, readonly Landing[]>();

/** What the COPY of one Layerfile put where; asked by each of its children, so remembered. */
function landingsIn(checked: CheckedLayerfile): readonly Landing[] {
  const before = known.get(checked);
  if (before !== undefined) return before;
  const landings = checked.steps.flatMap(({ step, scope }) =>
    step.kind === 'copy' ? landingsOf(step, scope, checked.repository) : [],
  );
  known.set(checked, landings);
  return landings;
}

interface Landing {
  readonly copy: Copy;
  /** Whether the COPY puts something at, in, or above a path of the machine. */
  fills(path: string): boolean;
}

function landingsOf(copy: Copy, scope: Scope, repository: RepositoryLook): readonly Landing[] {
  const text = staticText(copy.destination);
  const destination = guestPath(scope, text);
  if (text === null || destination === null) return [];
  return copy.sources.flatMap((source): readonly Landing[] => {
    const written = staticText(source.path);
    const resolved = written === null || source.glob ? 'outside' : resolveSource(copy.from, written);
    if (resolved === 'outside') return source.glob ? [{ copy, fills: (path) => isAtOrAbove(path, destination) }] : [];
    const isDirectory = repository.kind(resolved.path) === 'directory';
    const named = copy.sources.length > 1 || (!isDirectory && (text.endsWith('/') || text === '.'));
    const name = resolved.path.slice(resolved.path.lastIndexOf('/') + 1);
    const place = named ? `${destination === '/' ? '' : destination}/${name}` : destination;
    return [{ copy, fills: (path) => fillsPath({ path, place, source: resolved.path, repository }) }];
  });
}

function fillsPath(copied: {
  readonly path: string;
  readonly place: string;
  readonly source: RepoPath;
  readonly repository: RepositoryLook;
}): boolean {
  const { path, place, source, repository } = copied;
  if (isAtOrAbove(path, place)) return true;
  if (!isAtOrAbove(place, path)) return false;
  const inside = joinPath(source, path.slice(place === '/' ? 1 : place.length + 1)) as RepoPath;
  return repository.kind(inside) !== null && !repository.ignored(inside);
}

function isAtOrAbove(above: string, path: string): boolean {
  return path === above || path.startsWith(above === '/' ? '/' : `${above}/`);
}
