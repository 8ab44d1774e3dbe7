import { posix } from 'node:path';
import type { GuestPath } from '../host.ts';
import { fingerprint, fingerprintOf } from './view/fingerprint.ts';
import type { Observation, View, ViewEntry, ViewSpec } from './view/view.ts';

/** An observation that no longer holds. */
export interface BrokenRead {
  readonly observation: Observation;
  /** `web/a.ts changed`, `.env.local appeared`, `src/ (listing) changed`. */
  readonly reason: string;
}

/**
 * The first observation that does not hold on these views, in the order in which they are kept; null where all hold.
 * Stats only what the observations name. A view that no chain has any more counts as gone.
 */
export function brokenRead(observations: readonly Observation[], views: readonly View[]): BrokenRead | null {
  let last: { readonly view: View; readonly path: GuestPath; readonly entry: ViewEntry | null } | null = null;
  for (const observation of observations) {
    const view = views[observation.view];
    if (!view) return { observation, reason: `${observation.path} is no longer copied` };
    const { path, kind } = observation;
    if (last === null || last.path !== path || last.view !== view) last = { view, path, entry: view.entry(path) };
    if (fingerprintOf(last.entry, { view, path, kind }) !== observation.fingerprint) {
      return { observation, reason: reasonOf(observation, view) };
    }
  }
  return null;
}

/**
 * Of observations that do not all hold, why: where a file came, went or changed that was looked at itself, that, and not that the listing of its
 * directory changed, which stands before it. Null where only listings changed.
 */
export function namedReason(observations: readonly Observation[], views: readonly View[]): string | null {
  for (const observation of observations) {
    const { view: ordinal, path, kind } = observation;
    const view = views[ordinal];
    if (!view || kind === 'listing' || fingerprint(view, path, kind) === observation.fingerprint) continue;
    return reasonOf(observation, view);
  }
  return null;
}

/** Of how many paths at least one observation does not hold; stops counting beyond `most`. */
export function brokenPaths(
  observations: readonly Observation[],
  { views, most }: { readonly views: readonly View[]; readonly most: number },
): number {
  const broken = new Set<string>();
  for (const { view: ordinal, path, kind, fingerprint: seen } of observations) {
    const key = `${ordinal} ${path}`;
    const view = views[ordinal];
    if (broken.has(key) || (view && fingerprint(view, path, kind) === seen)) continue;
    broken.add(key);
    if (broken.size > most) break;
  }
  return broken.size;
}

function reasonOf(observation: Observation, view: View): string {
  const { path, kind } = observation;
  const entry = view.entry(path);
  const name = shownPath(view, path);
  if (kind === 'absent') return `${name} appeared`;
  if (!entry) return `${name} is gone`;
  switch (kind) {
    case 'content':
      return entry.kind === 'file' ? `${name} changed` : `${name} is now a ${entry.kind}`;
    case 'listing':
      return entry.kind === 'directory' ? `${name}/ (listing) changed` : `${name} is now a ${entry.kind}`;
    case 'link':
      return entry.kind === 'link' ? `${name} points elsewhere` : `${name} is now a ${entry.kind}`;
    case 'entry':
      return `${name} changed its kind or mode`;
    case 'attributes':
      return `${name} changed`;
  }
}

/** A path of a view as a person knows it: in the repository where it is from there, else in the machine. */
export function shownPath(view: View, path: GuestPath): string {
  const source = view.entry(path)?.source ?? sourceOf(view.spec, path);
  return source === null ? path : source === '' ? '.' : source;
}

/** Where in its tree a path of a view would be, also if nothing is there now; null where that cannot be told. */
export function sourceOf(spec: ViewSpec, path: GuestPath): string | null {
  if (path !== spec.destination && !path.startsWith(spec.destination === '/' ? '/' : `${spec.destination}/`))
    return null;
  const rest = posix.relative(spec.destination, path);
  const first = spec.sources[0];
  if (!first) return null;
  if (spec.placement !== 'into') return first.glob ? null : posix.join(first.path, rest).replace(/^\.$/, '');
  const [name, ...below] = rest.split('/');
  const source = spec.sources.find((one) => !one.glob && posix.basename(one.path) === name);
  if (source) return posix.join(source.path, ...below);
  // A single directory gives its contents.
  if (spec.sources.length === 1 && !first.glob) return posix.join(first.path, rest).replace(/^\.$/, '');
  const glob = spec.sources.find((one) => one.glob);
  return glob && name ? posix.join(posix.dirname(glob.path), name, ...below) : null;
}
