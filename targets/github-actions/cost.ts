import { diagnostic, type Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import type { Layer } from '../../src/ir/ir.ts';
import type { PlannedJob } from './jobs.ts';

/** What inlining costs: for each Layerfile whose RUNs run in several jobs, how often, where `layer run` runs them once. */
export function inliningCost(planned: readonly PlannedJob[]): readonly Diagnostic[] {
  const machines = new Map<Layer, { jobs: number; times: number }>();
  for (const job of planned) {
    for (const layer of job.own) {
      const one = machines.get(layer) ?? { jobs: 0, times: 0 };
      machines.set(layer, { jobs: one.jobs + 1, times: one.times + (job.split ? job.runners.length : 1) });
    }
  }
  const found: Diagnostic[] = [];
  for (const [layer, { jobs, times }] of machines) {
    const runs = layer.steps.filter((step) => step.kind === 'run').length;
    if (jobs < 2 || runs === 0) continue;
    found.push(diagnostic('github/inlined', layer.span, { runs, jobs, extra: runs * (times - 1) }));
  }
  return found;
}
