import { diagnostic, type Diagnostic, hasErrors } from '../diagnostics/diagnostic.ts';
import type { RepoPath, RepoReader } from '../host.ts';
import type { Base, Layer, LayerId, Plan } from '../ir/ir.ts';
import { initialScope } from '../ir/walk.ts';
import { checkLayerfile } from './checks/check-layerfile.ts';
import type { CheckedLayerfile } from './checks/rule.ts';
import { type Config, readConfig } from './config.ts';
import { selectLayerfiles } from './discover.ts';
import type { GithubSource } from './from.ts';
import { assignIds } from './ids.ts';
import type { Layerfile, LinkedLayerfile } from './layerfile.ts';
import { link } from './link.ts';
import { lower } from './lower.ts';
import { lowerFacts } from './lower/facts.ts';
import { splitCount } from './lower/flow.ts';
import { order } from './order.ts';
import { RepositoryMemory } from './repository-look.ts';

export interface CompileOptions {
  /** Only these Layerfiles, or those in these directories, with what they start from and wait for; null for all. */
  readonly only?: readonly RepoPath[] | null;
  /** How a message names a path of `only`; as seen from the repository's root by default. */
  readonly showPath?: (path: string) => string;
  /** Names that the command line gives a value (`--env NAME=value`). */
  readonly given?: Iterable<string>;
}

/** What the Layerfiles of a repository mean. */
export interface Compiled {
  /** null when a diagnostic is an error. */
  readonly plan: Plan | null;
  /** What is wrong or worth knowing, by file and place. */
  readonly diagnostics: readonly Diagnostic[];
  /** The Layerfiles that were asked for, with what they start from and wait for; also those that have errors. Parents stand first. */
  readonly files: readonly Layerfile[];
  readonly config: Config;
  /** Layerfiles of other repositories that must be fetched into .layer/vendor first; then compile again. */
  readonly unfetched: readonly GithubSource[];
}

/** Compiles the Layerfiles of a repository. Collects everything that is wrong; ids do not depend on `only`. */
export async function compile(repo: RepoReader, options: CompileOptions = {}): Promise<Compiled> {
  const found: Diagnostic[] = [];
  const report = (one: Diagnostic): void => void found.push(one);
  const own = [...(await repo.layerfiles())].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const config = readConfig(repo, report);
  if (own.length === 0) {
    report(diagnostic('file/none', null, { root: repo.root }));
    return { plan: null, diagnostics: found, files: [], config, unfetched: [] };
  }
  const unfetched: GithubSource[] = [];
  const linked = link({ repo, config, own, report, unfetched: (source) => void unfetched.push(source) });
  const ordered = order(linked, report);
  const checked = lowerAll({ repo, ordered, report, given: new Set(options.given ?? []) });
  const kept = closure(linked, selected({ own, report, ...options }));
  const diagnostics = tidy(found.filter((one) => isKept(one, kept)));
  const files = ordered.filter(({ layerfile }) => kept.has(layerfile.location)).map(({ layerfile }) => layerfile);
  // What nobody asked for need not be fetched either.
  const wanted = diagnostics.some(({ code }) => code === 'from/unresolved') ? unfetched : [];
  if (hasErrors(diagnostics)) return { plan: null, diagnostics, files, config, unfetched: wanted };
  const layers = files.flatMap((file) => checked.get(file.location)?.layer ?? []);
  return { plan: { layers }, diagnostics, files, config, unfetched: wanted };
}

/** Lowers and checks each Layerfile after its parent. */
function lowerAll(work: {
  readonly repo: RepoReader;
  readonly ordered: readonly LinkedLayerfile[];
  readonly given: ReadonlySet<string>;
  readonly report: (found: Diagnostic) => void;
}): ReadonlyMap<RepoPath, CheckedLayerfile> {
  const { ordered, given, report } = work;
  const memory = new RepositoryMemory(work.repo);
  const facts = new Map(
    ordered.map(({ layerfile }) => {
      const { garbled, instructions } = layerfile;
      const readable = garbled.size === 0 ? instructions : instructions.filter((ast) => !garbled.has(ast));
      return [layerfile, lowerFacts(readable, report)];
    }),
  );
  const splits = copyCounts(ordered);
  const ids = assignIds(
    ordered.map(({ layerfile }) => ({
      layerfile,
      displayName: facts.get(layerfile)?.labels.displayName ?? null,
      copies: splits.get(layerfile.location) ?? 1,
    })),
  );
  const checked = new Map<RepoPath, CheckedLayerfile>();
  for (const { layerfile, parent, waits } of ordered) {
    const before = parent.kind === 'layerfile' ? (checked.get(parent.location) ?? null) : null;
    const complete = parent.kind === 'machine' || (before?.complete ?? false);
    const certain = parent.kind === 'machine' ? parent.source.kind === 'known' : (before?.certain ?? false);
    const repository = memory.lookFrom(layerfile.repository, layerfile.path);
    const { steps, scope } = lower(
      {
        scope: before?.after ?? initialScope,
        complete,
        certain,
        garbled: layerfile.garbled,
        given,
        repository,
        waits: (ast) =>
          (waits.get(ast) ?? []).flatMap(({ location, span }) => {
            const id = ids.get(location);
            return id === undefined ? [] : [{ id, span }];
          }),
        report,
      },
      layerfile.instructions,
    );
    const own = facts.get(layerfile);
    const layer: Layer = {
      id: ids.get(layerfile.location) ?? ('' as LayerId),
      path: layerfile.path,
      repository: layerfile.repository,
      base: baseOf(parent, ids),
      memoryBytes: own?.memory?.bytes ?? null,
      labels: own?.labels ?? { displayName: null, status: null },
      steps: steps.map(({ step }) => step),
      own: layerfile.own,
      span: layerfile.instructions.find((one) => one.kind === 'from')?.span ?? parent.span,
    };
    const one: CheckedLayerfile = {
      layerfile,
      layer,
      steps,
      parent: before,
      memory: own?.memory ?? null,
      complete,
      certain,
      after: scope,
      repository,
    };
    checked.set(layerfile.location, one);
    checkLayerfile(one, report);
  }
  return checked;
}

/** A parent that is unknown was reported, so that no plan is given away with it. */
function baseOf(parent: LinkedLayerfile['parent'], ids: ReadonlyMap<RepoPath, LayerId>): Base {
  switch (parent.kind) {
    case 'machine':
      return parent;
    case 'layerfile':
      return { kind: 'layer', id: ids.get(parent.location) ?? ('' as LayerId), span: parent.span };
    case 'unknown':
      return { kind: 'layer', id: '' as LayerId, span: parent.span };
  }
}

/** How many copies of each Layerfile run, parents' SPLIT included. */
function copyCounts(ordered: readonly LinkedLayerfile[]): ReadonlyMap<RepoPath, number> {
  const counts = new Map<RepoPath, number>();
  for (const { layerfile, parent } of ordered) {
    const split = layerfile.instructions.find((one) => one.kind === 'split');
    const inherited = parent.kind === 'layerfile' ? (counts.get(parent.location) ?? 1) : 1;
    counts.set(layerfile.location, splitCount(split?.words[0]?.value ?? '') ?? inherited);
  }
  return counts;
}

function selected({
  own,
  only = null,
  showPath = (path) => path,
  report,
}: CompileOptions & {
  readonly own: readonly RepoPath[];
  readonly report: (found: Diagnostic) => void;
}): ReadonlySet<RepoPath> {
  return only === null ? new Set(own) : selectLayerfiles({ all: own, only, showPath, report });
}

/** What is selected, with all that it starts from and waits for. */
function closure(linked: ReadonlyMap<RepoPath, LinkedLayerfile>, roots: ReadonlySet<RepoPath>): ReadonlySet<RepoPath> {
  const kept = new Set(roots);
  for (const location of kept) {
    const one = linked.get(location);
    if (one === undefined) continue;
    if (one.parent.kind === 'layerfile') kept.add(one.parent.location);
    for (const targets of one.waits.values()) for (const target of targets) kept.add(target.location);
  }
  return kept;
}

/**
 * Whether a diagnostic concerns what is kept: everything that is not in a Layerfile (command line, configuration) does. What is only
 * worth knowing in another repository's Layerfile is that repository's business.
 */
function isKept({ span, severity }: Diagnostic, kept: ReadonlySet<RepoPath>): boolean {
  const path = span?.file.path ?? '';
  if (severity !== 'error' && path.startsWith('.layer/vendor/')) return false;
  return span === null || kept.has(path as RepoPath) || path === '.layer/config.json';
}

/** By file and place, each once. */
function tidy(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  const key = ({ code, span, message }: Diagnostic): string =>
    `${span?.file.path ?? ''}\0${span?.start ?? 0}\0${span?.end ?? 0}\0${code}\0${message}`;
  return diagnostics
    .filter((one) => !seen.has(key(one)) && seen.add(key(one)))
    .sort((a, b) => {
      const [left, right] = [a.span?.file.path ?? '', b.span?.file.path ?? ''];
      if (left !== right) return left < right ? -1 : 1;
      return (a.span?.start ?? 0) - (b.span?.start ?? 0);
    });
}
