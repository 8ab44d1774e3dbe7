import { staticText } from './expand.ts';
import type { Argument, Layer, LayerId, Plan, Split, Step } from './ir.ts';

/** A variable that the Layerfiles set. `literal` is its value where that is static; null where the machine must say. */
export interface ScopeVariable {
  readonly origin: 'env' | 'secret' | 'split';
  readonly literal: string | null;
}

/** A file to source, and the working directory it is relative to. */
export interface SetupPath {
  readonly path: Argument;
  readonly cwd: string | null;
}

/** What is in force where a step begins, as far as it is static. */
export interface Scope {
  /** What ENV, SECRET ENV and SPLIT set; predefined variables are not among them. */
  readonly variables: ReadonlyMap<string, ScopeVariable>;
  /** The working directory, absolute; null where a variable decides it. */
  readonly cwd: string | null;
  /** null where a variable decides it. */
  readonly user: string | null;
  readonly buildEnv: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly setupFiles: readonly SetupPath[];
  readonly split: Split | null;
}

/** Where a base machine begins. */
export const initialScope: Scope = {
  variables: new Map(),
  cwd: '/root',
  user: 'root',
  buildEnv: new Set(),
  secrets: new Set(),
  setupFiles: [],
  split: null,
};

/** What is in force after a step. */
export function advance(scope: Scope, step: Step): Scope {
  switch (step.kind) {
    case 'env': {
      const variables = new Map(scope.variables);
      for (const pair of step.pairs) variables.set(pair.name, { origin: 'env', literal: pair.literal });
      return { ...scope, variables };
    }
    case 'secretEnv': {
      const variables = new Map(scope.variables);
      for (const { name } of step.names) variables.set(name, { origin: 'secret', literal: null });
      return { ...scope, variables, secrets: new Set([...scope.secrets, ...step.names.map(({ name }) => name)]) };
    }
    case 'buildEnv':
      return { ...scope, buildEnv: new Set([...scope.buildEnv, ...step.names.map(({ name }) => name)]) };
    case 'split': {
      const variables = new Map(scope.variables);
      if (!step.unordered) variables.set('SPLIT', { origin: 'split', literal: null });
      variables.set('SPLIT_NUM', { origin: 'split', literal: String(step.count) });
      return { ...scope, variables, split: step };
    }
    case 'workdir':
      return { ...scope, cwd: guestPath(scope, staticText(step.directory)) };
    case 'user':
      return { ...scope, user: staticText(step.name) };
    case 'setupFile':
      return {
        ...scope,
        setupFiles: [...scope.setupFiles, ...step.paths.map((path) => ({ path, cwd: scope.cwd }))],
      };
    case 'run':
    case 'copy':
    case 'clone':
    case 'cache':
    case 'checkpoint':
    case 'wait':
    case 'button':
    case 'expose':
    case 'skipIf':
    case 'awsLink':
      return scope;
  }
}

/** The home directory of the user in force; null where only the machine knows it. */
export function homeOf(scope: Scope): string | null {
  return scope.user === 'root' ? '/root' : null;
}

/** The absolute, normalised path in the machine that a text names in a scope; null where it is not static. */
export function guestPath(scope: Scope, text: string | null): string | null {
  if (text === null) return null;
  if (text.startsWith('/')) return normaliseGuest(text);
  if (text === '~' || text.startsWith('~/')) {
    const home = homeOf(scope);
    return home === null ? null : normaliseGuest(`${home}/${text.slice(1)}`);
  }
  return scope.cwd === null ? null : normaliseGuest(`${scope.cwd}/${text}`);
}

/** One step of a chain and what is in force where it begins. */
export interface WalkedStep {
  readonly layer: Layer;
  /** Its place among the layer's steps. */
  readonly index: number;
  readonly step: Step;
  readonly scope: Scope;
}

/** The layers that a layer is built from: the one on the base machine first, itself last. */
export function chainOf(plan: Plan, id: LayerId): readonly Layer[] {
  const byId = new Map(plan.layers.map((layer) => [layer.id, layer]));
  const chain: Layer[] = [];
  for (let layer = byId.get(id); layer !== undefined;) {
    chain.push(layer);
    layer = layer.base.kind === 'layer' ? byId.get(layer.base.id) : undefined;
  }
  return chain.reverse();
}

/** All steps of a layer's chain, parents' first, with what is in force at each. */
export function walk(plan: Plan, id: LayerId): readonly WalkedStep[] {
  let scope = initialScope;
  const walked: WalkedStep[] = [];
  for (const layer of chainOf(plan, id)) {
    for (const [index, step] of layer.steps.entries()) {
      walked.push({ layer, index, step, scope });
      scope = advance(scope, step);
    }
  }
  return walked;
}

/** The MEMORY in force for a layer: the largest of its chain; null where none says any. */
export function memoryInForce(plan: Plan, id: LayerId): number | null {
  const sizes = chainOf(plan, id).flatMap((layer) => layer.memoryBytes ?? []);
  return sizes.length === 0 ? null : Math.max(...sizes);
}

function normaliseGuest(path: string): string {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') names.pop();
    else names.push(name);
  }
  return `/${names.join('/')}`;
}
