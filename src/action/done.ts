import type { Layer, LayerId, Plan, Step } from '../ir/ir.ts';

/**
 * A plan in which nothing waits for these Layerfiles (paths from the repository's root), because other jobs have run them: those that
 * were only waited for are not in it. What a Layerfile starts from stays.
 */
export function withoutDone(plan: Plan, done: readonly string[]): Plan {
  if (done.length === 0) return plan;
  const paths = new Set(done.map((path) => path.replace(/^\.?\/+/, '')));
  const ids = new Set(plan.layers.filter(({ path }) => paths.has(path)).map(({ id }) => id));
  const wanted = new Set(plan.layers.map(({ id }) => id));
  for (const layer of plan.layers) for (const id of neededBy(layer)) wanted.delete(id);
  const layers = plan.layers.map((layer) => ({ ...layer, steps: layer.steps.map((step) => waitingLess(step, ids)) }));
  const byId = new Map(layers.map((layer) => [layer.id, layer]));
  // A set goes on over what is added to it.
  for (const id of wanted) for (const needed of neededBy(byId.get(id))) wanted.add(needed);
  return { layers: layers.filter(({ id }) => wanted.has(id)) };
}

function waitingLess(step: Step, done: ReadonlySet<LayerId>): Step {
  if (step.kind !== 'wait') return step;
  return { ...step, layers: step.layers.filter(({ id }) => !done.has(id)) };
}

function neededBy(layer: Layer | undefined): readonly LayerId[] {
  if (layer === undefined) return [];
  const awaited = layer.steps.flatMap((step) => (step.kind === 'wait' ? step.layers.map(({ id }) => id) : []));
  return layer.base.kind === 'layer' ? [layer.base.id, ...awaited] : awaited;
}
