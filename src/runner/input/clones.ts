import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { Inputs } from '../ports.ts';
import { loadManifest } from '../view/manifest.ts';
import type { FrozenTree } from '../view/tree.ts';
import { openBlobStore } from './blob-store.ts';
import { openMirror, resolveClone } from './clone.ts';
import { freezeCommit } from './commit-tree.ts';

/** The other repositories of a run. */
export interface Clones {
  /** The commit that a CLONE means is found once a run, whoever asks and however often. */
  clone: Inputs['clone'];
  /** A tree that `clone` named; null where it named none such. */
  tree(name: string): FrozenTree | null;
  /** Manifest files of all that were named so far. */
  readonly manifests: Readonly<Record<string, string>>;
}

/** `mirrors` is a directory of the store; `scratch` gives one of this run, for manifests. `root` and `env`: see `openMirror`. */
export function openClones(given: {
  readonly mirrors: string;
  readonly blobs: string;
  readonly scratch: () => Promise<string>;
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The branch of the run; empty where it has none. */
  readonly branch: string;
  readonly mode: 'online' | 'offline';
}): Clones {
  const asked = new Map<string, ReturnType<Inputs['clone']>>();
  const trees = new Map<string, FrozenTree>();
  const manifests: Record<string, string> = {};
  const blobs = openBlobStore(given.blobs);

  const find: Inputs['clone'] = async ({ url, defaultBranch }, signal) => {
    const mirror = await openMirror({ directory: given.mirrors, url, root: given.root, env: given.env, signal });
    if ('why' in mirror) return { failure: mirror.why };
    const branch = given.branch === '' ? null : given.branch;
    const resolved = await resolveClone(mirror, { branch, defaultBranch }, { mode: given.mode, signal });
    if (!resolved.resolved) return { failure: resolved.why };
    const tree = `clone:${resolved.commit}`;
    const { warning } = resolved;
    if (trees.has(tree)) return { tree, warning };
    const { git } = mirror;
    const frozen = await freezeCommit({ git, commit: resolved.commit, blobs, shownMtimeNs: null, signal });
    if ('why' in frozen) return { failure: `CLONE ${mirror.name} cannot be checked out: ${frozen.why}` };
    const path = `${await given.scratch()}/${hash('sha256', tree).slice(0, 32)}.manifest`;
    writeFileSync(path, frozen.manifest, { mode: 0o600 });
    manifests[tree] = path;
    trees.set(tree, loadManifest(frozen.manifest));
    return { tree, warning };
  };

  return {
    clone(source, signal) {
      const key = JSON.stringify([source.url, source.defaultBranch]);
      const known = asked.get(key);
      if (known !== undefined) return known;
      const answer = find(source, signal);
      asked.set(key, answer);
      answer.catch(() => asked.delete(key));
      return answer;
    },
    tree: (name) => trees.get(name) ?? null,
    manifests,
  };
}
