import type { LayerId, Plan } from '../../src/ir/ir.ts';

/** Names of targets: unique, and such as Earthly takes (a lower-case letter, then letters, digits, `.`, `-`; not `base`). */
export class TargetNames {
  private readonly taken = new Set(['base', 'all']);

  /** A name that is free, as near to the wanted one as possible. */
  free(wanted: string): string {
    const name = targetName(wanted);
    let candidate = name;
    for (let number = 2; this.taken.has(candidate); number += 1) candidate = `${name}-${number}`;
    this.taken.add(candidate);
    return candidate;
  }
}

/** The names of the layers themselves, in the plan's order, before any name of a part is given away. */
export function layerNames(plan: Plan, names: TargetNames): ReadonlyMap<LayerId, string> {
  return new Map(plan.layers.map(({ id }) => [id, names.free(id)]));
}

function targetName(text: string): string {
  const name = text.toLowerCase().replace(/[^a-z0-9.-]+/g, '-');
  return /^[a-z]/.test(name) ? name : `layer-${name}`;
}
