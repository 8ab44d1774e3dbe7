import type { Layer, LayerId, Plan, Step } from '../ir/ir.ts';

/** A step in the whole chain of a Layerfile: parents' steps first. */
export interface ChainStep {
  /** From 0, through the whole chain. */
  readonly index: number;
  readonly step: Step;
  readonly layer: Layer;
}

/** A Layerfile together with all it inherits. */
export interface Chain {
  readonly layer: Layer;
  /** From the one on the base machine to `layer` itself. */
  readonly layers: readonly Layer[];
  readonly machine: Extract<Layer['base'], { kind: 'machine' }>;
  readonly steps: readonly ChainStep[];
  /** Index of the first step of `layer` itself. */
  readonly own: number;
  /** MEMORY in force: the largest of the chain. */
  readonly memoryBytes: number | null;
}

export function layerOf(plan: Plan, id: LayerId): Layer {
  const layer = plan.layers.find((one) => one.id === id);
  if (!layer) throw new Error(`the plan has no layer ${id}`);
  return layer;
}

/** The chain of a layer, from its base machine on. */
export function chainOf(plan: Plan, id: LayerId): Chain {
  const layers: Layer[] = [];
  let layer = layerOf(plan, id);
  layers.unshift(layer);
  while (layer.base.kind === 'layer') {
    layer = layerOf(plan, layer.base.id);
    layers.unshift(layer);
  }
  const steps = layers.flatMap((one) => one.steps.map((step) => ({ step, layer: one })));
  const last = layerOf(plan, id);
  return {
    layer: last,
    layers,
    machine: layer.base,
    steps: steps.map((one, index) => ({ ...one, index })),
    own: steps.length - last.steps.length,
    memoryBytes: layers.reduce<number | null>(
      (most, one) => (one.memoryBytes === null ? most : Math.max(most ?? 0, one.memoryBytes)),
      null,
    ),
  };
}

/** From which step on files keep their times: the first of the first Layerfile that has CACHE or RUN REPEATABLE. */
export function persistentFrom(chain: Chain): number {
  let index = 0;
  for (const layer of chain.layers) {
    if (layer.steps.some((step) => step.kind === 'cache' || (step.kind === 'run' && step.mode === 'repeatable'))) {
      return index;
    }
    index += layer.steps.length;
  }
  return Infinity;
}

/** The layers asked for and all that they need: parents and those they wait for; in the plan's order. */
export function closure(plan: Plan, wanted: Iterable<LayerId>): readonly Layer[] {
  const needed = new Set<LayerId>();
  const add = (id: LayerId): void => {
    if (needed.has(id)) return;
    needed.add(id);
    const layer = layerOf(plan, id);
    if (layer.base.kind === 'layer') add(layer.base.id);
    for (const step of layer.steps) if (step.kind === 'wait') for (const one of step.layers) add(one.id);
  };
  for (const id of wanted) add(id);
  return plan.layers.filter((layer) => needed.has(layer.id));
}
