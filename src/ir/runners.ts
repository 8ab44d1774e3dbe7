import type { Layer, LayerId, Plan } from './ir.ts';
import { chainOf } from './walk.ts';

/** One machine of a run: a Layerfile, or one copy of it where its chain has a SPLIT. */
export interface Runner {
  /** Unique in the plan: the layer's id for the first copy, then `-2`, `-3` …, skipping ids that are taken. */
  readonly id: string;
  readonly layer: LayerId;
  /** From 0; null where the chain has no SPLIT. */
  readonly copy: number | null;
}

/** All runners of a plan, in the plan's order. */
export function runnersOf(plan: Plan): readonly Runner[] {
  const taken = new Set<string>(plan.layers.map((layer) => layer.id));
  const copies = copyCounts(plan);
  return plan.layers.flatMap((layer): readonly Runner[] => {
    const count = copies.get(layer.id) ?? null;
    if (count === null) return [{ id: layer.id, layer: layer.id, copy: null }];
    let number = 1;
    return Array.from({ length: count }, (_none, copy) => {
      if (copy === 0) return { id: layer.id, layer: layer.id, copy };
      do number += 1;
      while (taken.has(`${layer.id}-${number}`));
      return { id: `${layer.id}-${number}`, layer: layer.id, copy };
    });
  });
}

/** How many copies of a layer run; null where its chain has no SPLIT. */
export function copiesOf(plan: Plan, id: LayerId): number | null {
  return chainOf(plan, id).reduce<number | null>((count, layer) => ownSplit(layer) ?? count, null);
}

function copyCounts(plan: Plan): ReadonlyMap<LayerId, number | null> {
  const counts = new Map<LayerId, number | null>();
  for (const layer of plan.layers) {
    const inherited = layer.base.kind === 'layer' ? (counts.get(layer.base.id) ?? null) : null;
    counts.set(layer.id, ownSplit(layer) ?? inherited);
  }
  return counts;
}

function ownSplit(layer: Layer): number | null {
  for (const step of layer.steps) if (step.kind === 'split') return step.count;
  return null;
}
