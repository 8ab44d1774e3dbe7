import { hash } from 'node:crypto';
import type { GuestPath } from '../../host.ts';
import { encodeName } from './names.ts';
import type { ObservationKind, View, ViewEntry } from './view.ts';

/**
 * What an observation of this kind at this path sees in a view. Who records and who checks call the same function: an observation holds
 * exactly where the fingerprint on the new view equals the recorded one. Nothing where something was, or the reverse, never compares equal.
 */
export function fingerprint(view: View, path: GuestPath, kind: ObservationKind): string {
  return fingerprintOf(view.entry(path), { view, path, kind });
}

/** The same for whoever has the entry at hand: several observations of one path ask for it once. */
export function fingerprintOf(
  entry: ViewEntry | null,
  { view, path, kind }: { readonly view: View; readonly path: GuestPath; readonly kind: ObservationKind },
): string {
  if (entry === null) return kind === 'absent' ? '' : 'nothing';
  switch (kind) {
    case 'absent':
      return entry.kind;
    case 'content':
      return view.digest(path) ?? entry.kind;
    case 'link':
      return entry.target === null ? entry.kind : `-> ${entry.target}`;
    case 'listing':
      return listing(view, path) ?? entry.kind;
    case 'entry':
      return described(entry);
    case 'attributes':
      return entry.kind === 'directory' ? described(entry) : `${described(entry)} ${entry.sizeBytes}`;
  }
}

function described(entry: { kind: string; mode: number; uid: number; gid: number }): string {
  return `${entry.kind} ${entry.mode.toString(8).padStart(4, '0')} ${entry.uid}:${entry.gid}`;
}

function listing(view: View, path: GuestPath): string | null {
  const names = view.list(path);
  if (names === null) return null;
  const prefix = path === '/' ? '/' : `${path}/`;
  const lines = names.map((name) => `${view.kind((prefix + name) as GuestPath) ?? 'nothing'} ${name}\0`);
  return hash('sha256', encodeName(lines.join('')));
}
