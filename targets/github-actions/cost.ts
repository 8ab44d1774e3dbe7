import { diagnostic, type Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import { staticText } from '../../src/ir/expand.ts';
import type { Copy, Layer, Source } from '../../src/ir/ir.ts';
import { resolveSource } from '../../src/ir/sources.ts';
import type { PlannedJob } from './jobs.ts';

/** What inlining costs: for each Layerfile whose RUNs run in several jobs, how often, where `layer run` runs them once. */
export function inliningCost(planned: readonly PlannedJob[]): readonly Diagnostic[] {
  const machines = new Map<Layer, { jobs: number; times: number }>();
  for (const job of planned) {
    for (const layer of job.own.filter((one) => job.imaged?.chain.includes(one) !== true)) {
      const one = machines.get(layer) ?? { jobs: 0, times: 0 };
      machines.set(layer, { jobs: one.jobs + 1, times: one.times + (job.split ? job.runners.length : 1) });
    }
  }
  const found: Diagnostic[] = [];
  for (const [layer, { jobs, times }] of machines) {
    const runs = layer.steps.filter((step) => step.kind === 'run').length;
    if (jobs < 2 || runs === 0) continue;
    // Cheaper where the minutes saved in all jobs but one are more than one for packing and one a job for unpacking.
    const minutes = Math.ceil((1 + times) / (times - 1));
    found.push(diagnostic('github/inlined', layer.span, { runs, jobs, extra: runs * (times - 1), minutes }));
  }
  return found;
}

/** Parents whose image is made anew at every commit, because a COPY takes the whole repository into it. */
export function costlyImages(planned: readonly PlannedJob[]): readonly Diagnostic[] {
  const images = new Set(planned.flatMap(({ imaged }) => imaged ?? []));
  return [...images].flatMap(({ chain }) =>
    chain.flatMap(({ steps, repository }) =>
      steps
        .filter(
          (step) => step.kind === 'copy' && repository.kind === 'own' && step.sources.some((one) => isAll(step, one)),
        )
        .map(({ span }) => diagnostic('github/image-of-everything', span, {})),
    ),
  );
}

function isAll({ from }: Copy, { path }: Source): boolean {
  const resolved = resolveSource(from, staticText(path) ?? '.');
  return resolved !== 'outside' && resolved.path === '';
}
