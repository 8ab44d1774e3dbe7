import type { Base, Layer, MachineName, Plan } from '../../src/ir/ir.ts';
import { chainOf } from '../../src/ir/walk.ts';

const images: Readonly<Record<MachineName, string>> = {
  'vm/ubuntu:18.04': 'ubuntu:18.04',
  'vm/ubuntu:20.04': 'ubuntu:20.04',
  'vm/ubuntu:22.04': 'ubuntu:22.04',
  'vm/ubuntu:24.04': 'ubuntu:24.04',
  'vm/debian:12': 'debian:12',
  'vm/debian:13': 'debian:13',
};

/** The image of a base machine; null where there is none: tarballs and directories. */
export function imageOf(base: Base): string | null {
  if (base.kind === 'layer') return null;
  switch (base.source.kind) {
    case 'known':
      return images[base.name] ?? null;
    case 'oci':
      return base.source.reference;
    case 'tarball':
    case 'directory':
      return null;
  }
}

/** The base machine that a layer's chain begins with. */
export function machineBase(plan: Plan, layer: Layer): Base & { readonly kind: 'machine' } {
  const base = chainOf(plan, layer.id)[0]?.base;
  if (base?.kind !== 'machine') throw new Error(`${layer.path} starts from no machine`);
  return base;
}
