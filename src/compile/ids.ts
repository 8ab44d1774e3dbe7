import type { RepoPath } from '../host.ts';
import type { LayerId } from '../ir/ir.ts';
import type { Layerfile } from './layerfile.ts';

/**
 * The id of each Layerfile: its display_name, or the names of the last two directories of its path (a vendored repository's name counts
 * as one), or `main-layerfile`. Equal ones get `-2`, `-3` … in the order of their paths, own files first, skipping what is taken,
 * also by the copies of a SPLIT.
 */
export function assignIds(
  files: readonly { readonly layerfile: Layerfile; readonly displayName: string | null; readonly copies: number }[],
): ReadonlyMap<RepoPath, LayerId> {
  const sorted = [...files].sort((a, b) => {
    const rank = Number(b.layerfile.own) - Number(a.layerfile.own);
    return rank !== 0 ? rank : a.layerfile.location < b.layerfile.location ? -1 : 1;
  });
  const names = sorted.map((file) => file.displayName ?? nameOf(file.layerfile));
  const firsts = new Set(names);
  const taken = new Set(names);
  const first = new Set<string>();
  const next = new Map<string, number>();
  const ids = new Map<RepoPath, LayerId>();
  const repeated: { readonly location: RepoPath; readonly name: string }[] = [];
  for (const [index, file] of sorted.entries()) {
    const name = names[index] ?? '';
    if (first.has(name)) {
      repeated.push({ location: file.layerfile.location, name });
      continue;
    }
    first.add(name);
    ids.set(file.layerfile.location, name as LayerId);
    let number = 1;
    for (let copy = 1; copy < file.copies; copy += 1) {
      do number += 1;
      while (firsts.has(`${name}-${number}`));
      taken.add(`${name}-${number}`);
    }
  }
  for (const { location, name } of repeated) {
    let number = next.get(name) ?? 2;
    while (taken.has(`${name}-${number}`)) number += 1;
    next.set(name, number + 1);
    taken.add(`${name}-${number}`);
    ids.set(location, `${name}-${number}` as LayerId);
  }
  return ids;
}

function nameOf({ path, repository, own }: Layerfile): string {
  const directories = path.split('/').slice(0, -1);
  if (repository.kind === 'vendored') directories.unshift(repository.name);
  // A Layerfile of the library may have any name: `ci/node.Layerfile`.
  const file = path.split('/').at(-1) ?? '';
  if (!own && repository.kind === 'own' && file !== 'Layerfile') directories.push(file.replace(/\.?Layerfile$/, ''));
  const name = directories
    .filter((one) => one !== '')
    .slice(-2)
    .join('-')
    .replace(/[^A-Za-z0-9_-]/g, '-');
  return name === '' ? 'main-layerfile' : name;
}
