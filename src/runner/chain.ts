import type { Layer, LayerId, Plan, Step } from '../ir/ir.ts';
import { chainOf as layersOf, memoryInForce } from '../ir/walk.ts';

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
  /** From which step on files keep their times: the first of the first Layerfile that has CACHE or RUN REPEATABLE; else Infinity. */
  readonly persistentFrom: number;
}

/** The chain of a layer, from its base machine on. */
export function chainOf(plan: Plan, id: LayerId): Chain {
  const layers = layersOf(plan, id);
  const first = layers[0];
  const layer = layers.at(-1);
  if (!first || !layer || first.base.kind !== 'machine') throw new Error(`the layer ${id} stands on no base machine`);
  const steps = layers
    .flatMap((one) => one.steps.map((step) => ({ step, layer: one })))
    .map((one, index) => ({ ...one, index }));
  return {
    layer,
    layers,
    machine: first.base,
    steps,
    own: steps.length - layer.steps.length,
    memoryBytes: memoryInForce(plan, id),
    persistentFrom: persistentFrom(layers),
  };
}

function persistentFrom(layers: readonly Layer[]): number {
  let index = 0;
  for (const layer of layers) {
    if (layer.steps.some(keepsTimes)) return index;
    index += layer.steps.length;
  }
  return Infinity;
}

function keepsTimes(step: Step): boolean {
  return step.kind === 'cache' || (step.kind === 'run' && step.mode === 'repeatable');
}

/** The layers asked for and all that they need: parents and those they wait for; in the plan's order. */
export function closure(plan: Plan, wanted: Iterable<LayerId>): readonly Layer[] {
  const byId = new Map(plan.layers.map((layer) => [layer.id, layer]));
  const needed = new Set<LayerId>();
  const add = (id: LayerId): void => {
    if (needed.has(id)) return;
    needed.add(id);
    const layer = byId.get(id);
    if (!layer) throw new Error(`the plan has no layer ${id}`);
    if (layer.base.kind === 'layer') add(layer.base.id);
    for (const step of layer.steps) if (step.kind === 'wait') for (const one of step.layers) add(one.id);
  };
  for (const id of wanted) add(id);
  return plan.layers.filter((layer) => needed.has(layer.id));
}
