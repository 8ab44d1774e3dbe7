import type { Button, Layer, Step } from '../../src/ir/ir.ts';

/** A step with the Layerfile it stands in. */
export interface PlacedStep {
  readonly layer: Layer;
  readonly step: Step;
}

/** What one job runs of a chain: all of it, or what lies between two BUTTONs. */
export interface Part {
  /** The BUTTON before it; null for the first. */
  readonly button: Button | null;
  readonly steps: readonly PlacedStep[];
}

/** Layers cut at their BUTTONs. */
export interface CutChain {
  /** What every job of the chain runs first: the Layerfiles above the one with the first BUTTON. Empty where there is none. */
  readonly common: readonly PlacedStep[];
  /** One at least. Without a BUTTON it is the whole chain. */
  readonly parts: readonly Part[];
}

export function cutChain(chain: readonly Layer[]): CutChain {
  const at = chain.findIndex((layer) => layer.steps.some((step) => step.kind === 'button'));
  const place = (layer: Layer) => layer.steps.map((step) => ({ layer, step }));
  if (at < 0) return { common: [], parts: [{ button: null, steps: chain.flatMap(place) }] };
  const parts: { button: Button | null; steps: PlacedStep[] }[] = [{ button: null, steps: [] }];
  for (const placed of chain.slice(at).flatMap(place)) {
    if (placed.step.kind === 'button') parts.push({ button: placed.step, steps: [] });
    else parts.at(-1)?.steps.push(placed);
  }
  return { common: chain.slice(0, at).flatMap(place), parts };
}
