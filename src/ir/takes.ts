import type { RepoPath } from '../host.ts';
import { expandSource, type LookUp } from './expand.ts';
import { globCovers, isNeverCopied, parseGlob } from './glob.ts';
import type { Copy, Layer, LayerId, Plan } from './ir.ts';
import { directoryOf, isWithin, resolveSource } from './sources.ts';
import { chainOf } from './walk.ts';

/**
 * Whether a COPY takes a path of the repository into the machine, with variables as `lookUp` says. Purely by name: whether
 * anything is there, and what `.layerignore` leaves out, is not asked.
 */
export function takes(copy: Copy, path: RepoPath, lookUp: LookUp): boolean {
  return copy.sources.some((source) => {
    const resolved = resolveSource(copy.from, expandSource(source, lookUp));
    if (resolved === 'outside') return false;
    if (source.glob) return !isNeverCopied(path) && globCovers(parseGlob(resolved.path), path);
    return isWithin(resolved.path, path) && (!isNeverCopied(path) || isNeverCopied(resolved.path));
  });
}

/** The layers that a change of a path may concern: it is their own Layerfile or a parent's, or a COPY of their chain takes it. */
export function layersTaking(plan: Plan, path: RepoPath, lookUp: LookUp): readonly LayerId[] {
  const direct = new Set(plan.layers.filter((layer) => concerns(layer, path, lookUp)).map(({ id }) => id));
  return plan.layers.filter(({ id }) => chainOf(plan, id).some((layer) => direct.has(layer.id))).map(({ id }) => id);
}

function concerns(layer: Layer, path: RepoPath, lookUp: LookUp): boolean {
  if (layer.repository.kind !== 'own') return isWithin(directoryOf(layer.repository.root), path);
  return layer.path === path || layer.steps.some((step) => step.kind === 'copy' && takes(step, path, lookUp));
}
