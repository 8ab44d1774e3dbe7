import type { GuestPath } from '../host.ts';
import type { Observation, ObservationKind } from './view/view.ts';

const letters: { readonly [K in ObservationKind]: string } = {
  content: 'c',
  listing: 'l',
  absent: 'a',
  link: 'k',
  entry: 'e',
  attributes: 't',
};
const kinds = new Map(Object.entries(letters).map(([kind, letter]) => [letter, kind as ObservationKind]));

/** Columns; of each path only what differs from the one before it. JSON carries names that are no UTF-8 as lone surrogates, escaped. */
interface Packed {
  readonly views: readonly number[];
  readonly kinds: string;
  readonly shared: readonly number[];
  readonly rest: readonly string[];
  readonly fingerprints: readonly string[];
}

/** Observations as one text: sorted by view, path and kind, so that equal sets are equal texts. */
export function packObservations(observations: readonly Observation[]): string {
  const sorted = [...observations].sort(
    (a, b) => a.view - b.view || compare(a.path, b.path) || compare(letters[a.kind], letters[b.kind]),
  );
  const shared: number[] = [];
  const rest: string[] = [];
  let before = '';
  for (const { path } of sorted) {
    let same = 0;
    while (same < path.length && path[same] === before[same]) same += 1;
    shared.push(same);
    rest.push(path.slice(same));
    before = path;
  }
  const packed: Packed = {
    views: sorted.map((one) => one.view),
    kinds: sorted.map((one) => letters[one.kind]).join(''),
    shared,
    rest,
    fingerprints: sorted.map((one) => one.fingerprint),
  };
  return JSON.stringify(packed);
}

/** The same observations again, sorted. */
export function unpackObservations(text: string): readonly Observation[] {
  const packed = JSON.parse(text) as Packed;
  let path = '';
  return packed.views.map((view, index) => {
    path = path.slice(0, packed.shared[index]) + packed.rest[index];
    const kind = kinds.get(packed.kinds[index] ?? '');
    const fingerprint = packed.fingerprints[index];
    if (kind === undefined || fingerprint === undefined) throw new Error('observations are not as they were packed');
    return { view, path: path as GuestPath, kind, fingerprint };
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
