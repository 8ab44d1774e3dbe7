import { diagnostic, type Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import type { Plan } from '../../src/ir/ir.ts';
import { lookIntoShell } from '../../src/ir/shell.ts';
import { imageOf } from './image.ts';

/** Programs that need a machine of their own, with a kernel and an init. */
const ofMachines = new Set([
  'systemctl',
  'service',
  'mount',
  'modprobe',
  'insmod',
  'snap',
  'k3s',
  'kubeadm',
  'swapon',
  'losetup',
]);

/** What is wrong with a plan for Earthly beyond what its steps can do: base machines without an image, MEMORY, programs that need a machine. */
export function checkPlan(plan: Plan): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const layer of plan.layers) {
    if (layer.base.kind === 'machine' && imageOf(layer.base) === null)
      found.push(diagnostic('earthly/no-image', layer.base.span, { base: layer.base.name }));
    if (layer.memoryBytes !== null) found.push(diagnostic('earthly/memory', layer.span, {}));
    for (const step of layer.steps) {
      if (step.kind !== 'run') continue;
      const used = lookIntoShell(step.command).commands.find(({ program }) => ofMachines.has(program));
      if (used === undefined) continue;
      found.push(diagnostic('earthly/not-a-machine', step.span, { program: used.program }));
      break;
    }
  }
  return found;
}
