import type { RepoPath } from '../../host.ts';
import { globCovers, parseGlob } from '../../ir/glob.ts';
import { isWithin } from '../../ir/sources.ts';
import { fingerprint } from '../view/fingerprint.ts';
import type { View, ViewSpec } from '../view/view.ts';
import type { SurveyedRunner, SurveyedStep } from './survey.ts';

/** The first step of a runner that would run if a file changed. */
export interface Affected {
  readonly runner: SurveyedRunner;
  readonly step: SurveyedStep;
  readonly why: string;
}

/**
 * What would run again if a file were edited, or, where it is not there, if it appeared or had just been deleted: of each runner the first step whose
 * observations, or those of its newest result, tell of it. Null for a runner that it does not concern.
 */
export function affectedBy(file: RepoPath, runner: SurveyedRunner): Affected | null {
  for (const step of runner.steps) {
    const why = concern(file, step);
    if (why !== null) return { runner, step, why };
  }
  return null;
}

function concern(file: RepoPath, { instance, after }: SurveyedStep): string | null {
  if (instance === null || after === null) return null;
  if (instance.view !== null) {
    const view = after.views[instance.view.ordinal];
    if (view?.missing.some((source) => source === file || isWithin(file, source))) return 'copies it by name';
  }
  const places = new Map(after.views.map((view) => [view.spec.ordinal, placesOf(file, view.spec)]));
  const found = new Set<Look>();
  for (const { view: ordinal, path, kind, fingerprint: seen } of instance.observations) {
    const view = after.views[ordinal];
    if (!view) continue;
    for (const place of places.get(ordinal) ?? []) {
      const there = view.entry(place) !== null;
      const itself = path === place;
      const below = itself || path.startsWith(`${place}/`);
      const above = path === '/' || place.startsWith(`${path}/`);
      const broken = (): boolean => fingerprint(view, path, kind) !== seen;
      switch (kind) {
        case 'content':
          if (below) found.add(itself ? 'reads it' : 'reads what is in it');
          break;
        case 'link':
          if (below) found.add(itself ? 'follows it' : 'follows what is in it');
          break;
        case 'attributes':
          // A directory has no size: this tells no more than that somebody looked whether it is there.
          if (below && view.entry(path)?.kind !== 'directory')
            found.add(itself ? 'looks at its size' : 'looks at the size of what is in it');
          break;
        case 'entry':
          if (below && (!there || broken())) found.add('looks whether it is there');
          break;
        case 'absent':
          if ((below || above) && (!there || broken())) found.add('looked for it and found nothing');
          break;
        case 'listing':
          if (above && parentThat(view, place) === path && (!there || broken())) found.add('lists its directory');
          else if (below && there) found.add('lists it');
          break;
      }
    }
  }
  return looks.find((look) => found.has(look)) ?? null;
}

/** What a step may have done with a file; the first that it did is told. */
const looks = [
  ...(['reads it', 'follows it', 'looked for it and found nothing', 'reads what is in it'] as const),
  ...(['follows what is in it', 'looks at its size', 'looks at the size of what is in it'] as const),
  ...(['lists it', 'lists its directory', 'looks whether it is there'] as const),
];
type Look = (typeof looks)[number];

/** Where in the machine a file of the repository is, or would be, by way of a view; several where its name alone does not say. */
function placesOf(file: RepoPath, spec: ViewSpec): readonly View['spec']['destination'][] {
  const inTree = pathInTree(file, spec.tree);
  if (inTree === null) return [];
  const destination = spec.destination === '/' ? '' : spec.destination;
  const at = (...names: readonly string[]) =>
    ([destination, ...names.filter((name) => name !== '')].join('/') || '/') as ViewSpec['destination'];
  const found = new Set<ViewSpec['destination']>();
  for (const { path, glob } of spec.sources) {
    if (!glob && isWithin(path, inTree)) {
      const rest = path === '' ? inTree : inTree.slice(path.length + 1);
      if (spec.sources.length === 1) found.add(at(rest));
      if (spec.sources.length > 1 || spec.placement === 'into')
        found.add(at(path.slice(path.lastIndexOf('/') + 1), rest));
    }
    if (!glob) continue;
    const pattern = parseGlob(path);
    const names = inTree.split('/');
    const match = names.findIndex((_name, index) =>
      globCovers(pattern, names.slice(0, index + 1).join('/') as RepoPath),
    );
    if (match >= 0) found.add(at(...names.slice(match)));
  }
  return [...found];
}

function pathInTree(file: RepoPath, tree: string): RepoPath | null {
  if (tree === 'repository') return file;
  if (!tree.startsWith('vendored:')) return null;
  const root = tree.slice('vendored:'.length) as RepoPath;
  return isWithin(root, file) && file !== root ? (file.slice(root.length + 1) as RepoPath) : null;
}

/** The nearest directory above a path that a view has: its listing changes when the path appears or goes. */
function parentThat(view: View, path: ViewSpec['destination']): string {
  let at: string = path;
  do at = at.slice(0, at.lastIndexOf('/')) || '/';
  while (at !== '/' && view.kind(at as ViewSpec['destination']) !== 'directory');
  return at;
}
