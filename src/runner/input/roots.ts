import type { RepoPath } from '../../host.ts';
import { directoryOf } from '../../ir/sources.ts';
import { sourcePaths } from '../view/open.ts';
import type { RepoTree } from '../view/tree.ts';
import type { ViewSpec } from '../view/view.ts';

/** Something that a freeze takes whole. */
export interface FreezeRoot {
  readonly path: RepoPath;
  /** Whether `.git` is taken where it is met. */
  readonly git: boolean;
}

/** What the views of a chain need of a tree, so that a COPY of one directory does not freeze everything. Globs are expanded on the tree as it is now. */
export function freezeRoots(specs: readonly Pick<ViewSpec, 'sources'>[], tree: RepoTree): readonly FreezeRoot[] {
  const roots = new Map<RepoPath, FreezeRoot>();
  for (const source of specs.flatMap((spec) => spec.sources)) {
    for (const path of sourcePaths(tree, source)) {
      const git = path.split('/').includes('.git');
      roots.set(path, { path, git: git || (roots.get(path)?.git ?? false) });
    }
  }
  return [...roots.values()].filter((root) => !isCovered(root, roots));
}

/** Whether a root above brings this one with it. */
function isCovered(root: FreezeRoot, roots: ReadonlyMap<RepoPath, FreezeRoot>): boolean {
  let path = root.path;
  while (path !== '') {
    path = directoryOf(path);
    const above = roots.get(path);
    if (above !== undefined && (above.git || !root.git)) return true;
  }
  return false;
}
