import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RepoPath } from '../host.ts';
import { expandSource } from '../ir/expand.ts';
import type { Plan } from '../ir/ir.ts';
import { resolveSource } from '../ir/sources.ts';
import type { Clones } from '../runner/input/clones.ts';
import { isSystemError } from '../runner/input/disk.ts';
import type { Frozen } from '../runner/input/freeze.ts';
import type { RepositoryInput } from '../runner/input/repository.ts';
import type { FrozenInputs, Inputs } from '../runner/ports.ts';
import type { MtimeTable } from '../runner/store.ts';
import { dateManifest } from '../runner/view/dated-manifest.ts';
import { carryMtimes, namesGone } from '../runner/view/mtimes.ts';
import type { RepoTree } from '../runner/view/tree.ts';
import type { ViewSpec } from '../runner/view/view.ts';

/** The trees of a run: the repository and vendored ones as they are, until they are frozen. */
export function runInputs(given: {
  readonly plan: Plan;
  /** Opens the working tree at a path of the repository; the empty one is the repository itself. */
  readonly open: (root: RepoPath) => RepositoryInput;
  readonly clones: Clones;
  /** Where copied files are. */
  readonly blobs: string;
  /** A directory for manifests, of this run alone. */
  readonly scratch: () => Promise<string>;
  readonly note: (level: 'info' | 'warning', message: string) => void;
}): Inputs {
  const { plan, clones, blobs } = given;
  const sources = sourcesByTree(plan);
  const opened = new Map<string, RepositoryInput>();
  const live = new Map<string, RepoTree>();
  const inputOf = (name: string): RepositoryInput => {
    const known =
      opened.get(name) ??
      given.open(name === 'repository' ? ('' as RepoPath) : (name.slice('vendored:'.length) as RepoPath));
    opened.set(name, known);
    return known;
  };
  return {
    tree(name) {
      const clone = clones.tree(name);
      if (clone) return clone;
      const known = live.get(name) ?? inputOf(name).live();
      live.set(name, known);
      return known;
    },
    get verdicts() {
      return inputOf('repository').verdicts;
    },
    remember() {
      try {
        for (const input of opened.values()) input.save();
      } catch (error) {
        // A full disk: the next run takes longer.
        if (!isSystemError(error)) throw error;
      }
    },
    clone: (source, signal) => clones.clone(source, signal),
    async freeze(signal) {
      const directory = await given.scratch();
      const frozen = new Map<string, { readonly frozen: Frozen; readonly input: RepositoryInput }>();
      const slow = setTimeout(() => given.note('info', 'reading the files of the repository'), slowMs);
      try {
        for (const [name, specs] of sources) {
          const input = inputOf(name);
          const one = await input.freeze({ specs, shownMtimeNs: null, signal });
          frozen.set(name, { frozen: one, input });
          input.save();
          if (one.unreadable.length > 0) given.note('warning', unreadable(one.unreadable));
        }
      } finally {
        clearTimeout(slow);
      }
      return frozenInputs({ frozen, clones, directory, blobs });
    },
  };
}

/** A person who waits this long wants to know what for. */
const slowMs = 800;
const namedAtMost = 5;

function unreadable(paths: readonly RepoPath[]): string {
  const named = paths.slice(0, namedAtMost).map((path) => path || 'the repository itself');
  const rest = paths.length > named.length ? ` and ${paths.length - named.length} more` : '';
  return `cannot be read, so no machine sees what is in it: ${named.join(', ')}${rest}`;
}

function frozenInputs({
  frozen,
  clones,
  directory,
  blobs,
}: {
  readonly frozen: ReadonlyMap<string, { readonly frozen: Frozen; readonly input: RepositoryInput }>;
  readonly clones: Clones;
  readonly directory: string;
  readonly blobs: string;
}): FrozenInputs {
  let files: Readonly<Record<string, string>> | null = null;
  let count = 0;
  const write = (bytes: Uint8Array): string => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, `${count++}.manifest`);
    writeFileSync(path, bytes, { mode: 0o600 });
    return path;
  };
  const plain = (): Readonly<Record<string, string>> =>
    (files ??= Object.fromEntries([...frozen].map(([name, one]) => [name, write(one.frozen.manifest)])));
  return {
    tree(name) {
      const tree = frozen.get(name)?.frozen.tree ?? clones.tree(name);
      if (!tree) throw new Error(`no tree ${name}`);
      return tree;
    },
    async manifests(mtime) {
      if (mtime === 'plain') {
        return { files: { ...plain(), ...clones.manifests }, mtimes: null };
      }
      const trees = [
        ...[...frozen].map(([name, one]) => ({ name, tree: one.frozen.tree, working: one.input.root })),
        ...Object.keys(clones.manifests).flatMap((name) => {
          const tree = clones.tree(name);
          return tree === null ? [] : [{ name, tree, working: '' }];
        }),
      ];
      const dated: Record<string, string> = {};
      const mtimes: Record<string, MtimeTable[string]> = {};
      const tablesOf = (name: string) =>
        mtime.before.flatMap((table) => (table[name] === undefined ? [] : [table[name]]));
      const gone = new Set(trees.flatMap(({ name, tree }) => namesGone(tree, tablesOf(name))));
      for (const { name, tree, working } of trees) {
        const { manifest, table } = dateManifest(tree, {
          roots: { working, blobs },
          shownMtimeNs: carryMtimes(tablesOf(name), { startedNs: mtime.startNs, gone }),
        });
        dated[name] = write(manifest);
        mtimes[name] = table;
      }
      return { files: dated, mtimes };
    },
  };
}

/** A variable may name anything, git's own directory too. */
const everything: ViewSpec['sources'] = [
  { path: '' as RepoPath, glob: false },
  { path: '.git' as RepoPath, glob: false },
];

/** What the COPYs of a plan name, by tree; the whole tree where a variable decides. */
function sourcesByTree(plan: Plan): ReadonlyMap<string, readonly Pick<ViewSpec, 'sources'>[]> {
  const trees = new Map<string, Pick<ViewSpec, 'sources'>[]>();
  for (const layer of plan.layers) {
    const name = layer.repository.kind === 'own' ? 'repository' : `vendored:${layer.repository.root}`;
    for (const step of layer.steps) {
      if (step.kind !== 'copy') continue;
      const sources = step.sources.flatMap((source): ViewSpec['sources'] => {
        if (source.path.parts.some((part) => typeof part !== 'string')) return everything;
        const found = resolveSource(
          step.from,
          expandSource(source, () => null),
        );
        return found === 'outside' ? [] : [{ path: found.path, glob: source.glob }];
      });
      trees.set(name, [...(trees.get(name) ?? []), { sources }]);
    }
  }
  return trees;
}
