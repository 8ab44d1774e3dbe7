import { copiesOf } from '../ir/runners.ts';
import type { Layer, LayerId, Plan } from '../ir/ir.ts';

/** Layerfiles and base machines with what leads from one to another: what every drawing is made from. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphNode {
  /** A base machine's id is its name, which no Layerfile's can be, as it holds a `/`. */
  readonly id: string;
  readonly kind: 'machine' | 'layer';
  readonly title: string;
  /** Smaller, below the title: the Layerfile's path, and what is special about it. */
  readonly details: readonly string[];
}

/** `to` starts where `from` ended (FROM), or goes on when it has succeeded (WAIT). */
export interface GraphEdge {
  readonly kind: 'from' | 'wait';
  readonly from: string;
  readonly to: string;
}

/** The graph of a plan, in the plan's order; each base machine stands before the first Layerfile on it. */
export function graphOf(plan: Plan): Graph {
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [];
  for (const layer of plan.layers) {
    if (layer.base.kind === 'machine') {
      const { name } = layer.base;
      nodes.set(name, { id: name, kind: 'machine', title: name, details: [] });
    }
    nodes.set(layer.id, { id: layer.id, kind: 'layer', title: layer.id, details: detailsOf(layer, plan) });
    edges.push({ kind: 'from', from: baseOf(layer), to: layer.id });
    for (const awaited of awaitedBy(layer)) edges.push({ kind: 'wait', from: awaited, to: layer.id });
  }
  return { nodes: [...nodes.values()], edges };
}

function baseOf({ base }: Layer): string {
  return base.kind === 'machine' ? base.name : base.id;
}

function awaitedBy(layer: Layer): ReadonlySet<LayerId> {
  return new Set(layer.steps.flatMap((step) => (step.kind === 'wait' ? step.layers.map(({ id }) => id) : [])));
}

function detailsOf(layer: Layer, plan: Plan): readonly string[] {
  const { path, repository } = layer;
  const place = repository.kind === 'own' ? path : `${repository.owner}/${repository.name}: ${path}`;
  const copies = copiesOf(plan, layer.id);
  const own = layer.steps.some((step) => step.kind === 'split');
  const special = [
    ...(copies === null ? [] : [own ? `SPLIT ${copies}` : `${copies} copies`]),
    ...(layer.steps.some((step) => step.kind === 'button') ? ['BUTTON'] : []),
    ...(layer.steps.some((step) => step.kind === 'expose') ? ['EXPOSE'] : []),
  ];
  return special.length === 0 ? [place] : [place, special.join(' · ')];
}
