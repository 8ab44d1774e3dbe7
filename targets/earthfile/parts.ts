import type { Layer, Step } from '../../src/ir/ir.ts';

/** A stretch of a Layerfile's steps that is a target of its own. */
export interface Part {
  /** What begins it. */
  readonly from: 'start' | 'split' | 'checkpoint' | 'button';
  /** The name of the CHECKPOINT that it ends at; null where it ends otherwise. */
  readonly checkpoint: string | null;
  /** Whether a BUTTON stands above it. */
  readonly pushed: boolean;
  readonly steps: readonly { readonly step: Step; readonly index: number }[];
}

/** Cuts a Layerfile at SPLIT, BUTTON and named CHECKPOINTs. What RUN BACKGROUND started would not live over a cut: below it none is made. */
export function cutLayer(layer: Layer): readonly Part[] {
  const parts: Part[] = [];
  let from: Part['from'] = 'start';
  let steps: { readonly step: Step; readonly index: number }[] = [];
  let pushed = false;
  let alive = false;
  const cut = (checkpoint: string | null, next: Part['from']): void => {
    parts.push({ from, checkpoint, pushed, steps });
    from = next;
    steps = [];
    alive = false;
  };
  for (const [index, step] of layer.steps.entries()) {
    if (step.kind === 'run' && step.mode === 'background') alive = true;
    if (step.kind === 'split') cut(null, 'split');
    else if (step.kind === 'button') {
      cut(null, 'button');
      pushed = true;
    } else if (step.kind === 'checkpoint' && step.name !== null && !alive) {
      cut(step.name, 'checkpoint');
      continue;
    }
    if (step.kind !== 'button') steps.push({ step, index });
  }
  cut(null, 'start');
  return parts;
}
