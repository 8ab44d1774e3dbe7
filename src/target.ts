import { diagnostic, type Diagnostic } from './diagnostics/diagnostic.ts';
import type { Layer, Plan, Step, StepKind, StepOfKind } from './ir/ir.ts';
import { shortTitle } from './ir/short-title.ts';

/** What a target can do with a step: the same thing, something like it (how), or nothing (why). Both are phrases for a sentence. */
export type Support =
  | { readonly level: 'native' }
  | { readonly level: 'emulated'; readonly how: string }
  | { readonly level: 'unsupported'; readonly why: string };

/** Where a step stands: what a support that depends on more than the step may look at. */
export interface StepPlace {
  readonly plan: Plan;
  readonly layer: Layer;
  readonly index: number;
}

/** A support that depends on the step, and what the compatibility table says of it in general. */
export interface ConditionalSupport<S> {
  readonly usually: Support;
  of(step: S, place: StepPlace): Support;
}

/** What a target can do, as data: an answer for every step kind there is. */
export type SupportTable = { readonly [K in StepKind]: Support | ConditionalSupport<StepOfKind<K>> };

export interface OutputFile {
  /** Relative to the repository's root. */
  readonly path: string;
  readonly content: string;
  readonly executable: boolean;
}

/** A way out of the Plan. Everything is pure and deterministic. `emit` is called only when `checkSupport` and `check` found no error. */
export interface Target {
  readonly name: string;
  /** A short title for tables. */
  readonly title: string;
  readonly support: SupportTable;
  /** What is wrong with a whole plan for this target beyond single steps: bases it has not, sizes, names. */
  check(plan: Plan): readonly Diagnostic[];
  emit(plan: Plan): readonly OutputFile[];
}

/** The support of one step. */
export function supportOf(target: Target, step: Step, place: StepPlace): Support {
  const answer = target.support[step.kind] as Support | ConditionalSupport<Step>;
  return 'of' in answer ? answer.of(step, place) : answer;
}

/**
 * What a target cannot do with a plan, in the plan's order: `target/emulated` (info: it works, and how), `target/unsupported` (error). A phrase
 * that several steps of a file share is said once, at the first. Nothing is dropped silently.
 */
export function checkSupport(plan: Plan, target: Target): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const layer of plan.layers) {
    const said = new Set<string>();
    for (const [index, step] of layer.steps.entries()) {
      const support = supportOf(target, step, { plan, layer, index });
      if (support.level === 'native') continue;
      const phrase = support.level === 'emulated' ? support.how : support.why;
      if (said.has(`${step.kind} ${phrase}`)) continue;
      said.add(`${step.kind} ${phrase}`);
      const title = shortTitle(step.title);
      found.push(
        support.level === 'emulated'
          ? diagnostic('target/emulated', step.span, { title, target: target.title, how: phrase })
          : diagnostic('target/unsupported', step.span, { title, target: target.title, why: phrase }),
      );
    }
  }
  return found;
}
