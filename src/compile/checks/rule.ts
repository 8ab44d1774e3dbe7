import type { Diagnostic } from '../../diagnostics/diagnostic.ts';
import type { Layer } from '../../ir/ir.ts';
import type { Scope } from '../../ir/walk.ts';
import type { MemoryAst } from '../../syntax/ast.ts';
import type { Layerfile } from '../layerfile.ts';
import type { LoweredStep } from '../lower.ts';
import type { RepositoryLook } from '../repository-look.ts';

/** A Layerfile with all that rules look at. */
export interface CheckedLayerfile {
  readonly layerfile: Layerfile;
  readonly layer: Layer;
  readonly steps: readonly LoweredStep[];
  /** The Layerfile it starts from; null where that is a machine, or is not known. */
  readonly parent: CheckedLayerfile | null;
  readonly memory: { readonly bytes: number; readonly ast: MemoryAst } | null;
  /** Whether all its parents are known. */
  readonly complete: boolean;
  /** Whether all that may be set where it begins is known. */
  readonly certain: boolean;
  /** What is in force where it ends. */
  readonly after: Scope;
  readonly repository: RepositoryLook;
}

/** Looks at one Layerfile, after its parents, and reports what breaks one rule or makes one lint speak. */
export type Rule = (checked: CheckedLayerfile, report: (found: Diagnostic) => void) => void;

/** The chain of a Layerfile, itself first. */
export function* chainUp(checked: CheckedLayerfile): Generator<CheckedLayerfile> {
  for (let one: CheckedLayerfile | null = checked; one !== null; one = one.parent) yield one;
}
