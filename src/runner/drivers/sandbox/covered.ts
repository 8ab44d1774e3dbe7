import { Buffer } from 'node:buffer';
import { readdirSync } from 'node:fs';
import type { GuestPath } from '../../../host.ts';
import { decodeName, encodeName } from '../../view/names.ts';
import type { ViewSpec } from '../../view/view.ts';
import { lookIn } from './look-in.ts';

/** What is mounted below a root's upper, as a directory rooted at `/`. */
export type Lower =
  | { readonly directory: string; readonly kind: 'base' | 'layer' }
  | { readonly directory: string; readonly kind: 'view'; readonly view: ViewSpec };

interface Place {
  readonly path: GuestPath;
  /** Indices of the layers that hold it as a directory. */
  readonly layers: readonly number[];
}

/**
 * The directories of views, at their destinations and below, that show the attributes of a layer, which lies over the last view that has them; top down.
 * `inViews` gives for each path the ordinal of that view. What a layer hides or replaces higher up may be among them.
 */
export async function coveredDirectories(
  lowers: readonly Lower[],
  inViews: (paths: readonly GuestPath[]) => Promise<readonly (number | null)[]>,
): Promise<readonly GuestPath[]> {
  const indexOf = new Map(lowers.flatMap((one, index) => (one.kind === 'view' ? [[one.view.ordinal, index]] : [])));
  const first = Math.min(...indexOf.values());
  const layers = lowers.flatMap(({ kind }, index) => (kind === 'layer' && index > first ? [index] : []));
  const inLayer = (index: number, path: GuestPath): Buffer =>
    Buffer.concat([Buffer.from(lowers[index]?.directory ?? ''), encodeName(path)]);

  const destinations = lowers.flatMap((one) => (one.kind === 'view' ? [one.view.destination] : []));
  let places: readonly Place[] = [...new Set(destinations)].map((path) => ({
    path,
    layers: layers.filter((index) => lookIn(lowers[index]?.directory ?? '', path).kind === 'directory'),
  }));
  const covered = new Set<GuestPath>();
  for (;;) {
    places = places.filter((one) => one.layers.length > 0);
    if (places.length === 0) return [...covered];
    const ordinals = await inViews(places.map(({ path }) => path));
    const shared = places.filter((_, at) => typeof ordinals[at] === 'number');
    for (const [at, place] of places.entries()) {
      const view = indexOf.get(ordinals[at] ?? -1);
      if (view !== undefined && place.layers.some((index) => index > view)) covered.add(place.path);
    }
    places = shared.flatMap(({ path, layers: holding }) => below(path, holding, inLayer));
  }
}

function below(
  path: GuestPath,
  layers: readonly number[],
  inLayer: (index: number, path: GuestPath) => Buffer,
): readonly Place[] {
  const found = new Map<string, number[]>();
  for (const index of layers) {
    for (const entry of readdirSync(inLayer(index, path), { withFileTypes: true, encoding: 'buffer' })) {
      if (!entry.isDirectory()) continue;
      const name = decodeName(entry.name);
      const known = found.get(name);
      if (known === undefined) found.set(name, [index]);
      else known.push(index);
    }
  }
  const prefix = path === '/' ? '/' : `${path}/`;
  return [...found].map(([name, holding]) => ({ path: (prefix + name) as GuestPath, layers: holding }));
}
