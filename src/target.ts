import type { Plan, StepKind, StepOfKind } from './ir/ir.ts';

/** What a target can do with a step: the same thing, something like it (how), or nothing (why). */
export type Support =
  | { readonly level: 'native' }
  | { readonly level: 'emulated'; readonly how: string }
  | { readonly level: 'unsupported'; readonly why: string };

/** What a target can do, as data: a support for each step kind, or a function where it depends on the step. */
export type SupportTable = {
  readonly [K in StepKind]: Support | ((step: StepOfKind<K>, plan: Plan) => Support);
};

export interface OutputFile {
  /** Relative to the repository's root. */
  readonly path: string;
  readonly content: string;
  readonly executable: boolean;
}

/** A way out of the Plan. `emit` is pure and deterministic. */
export interface Target {
  readonly name: string;
  readonly support: SupportTable;
  emit(plan: Plan): readonly OutputFile[];
}
