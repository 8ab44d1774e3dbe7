import { diagnostic, type Diagnostic } from '../../src/diagnostics/diagnostic.ts';
import type { Plan } from '../../src/ir/ir.ts';
import { costlyImages, inliningCost } from './cost.ts';
import { jobOptions, type EmitOptions } from './emit.ts';
import { planJobs, type PlannedJob } from './jobs.ts';
import { secretName } from './secrets.ts';

/** What a hosted runner of a public repository has. */
const runnerMemoryBytes = 16 * 2 ** 30;
const mostBackgroundSteps = 10;

/** What is wrong with a plan for GitHub, or worth knowing, beyond what its steps can do: each once, in the plan's order. */
export function checkPlan(plan: Plan, options: EmitOptions): readonly Diagnostic[] {
  const planned = planJobs(plan, jobOptions(options));
  const found = planned.flatMap((job) => [
    ...(options.engine === null ? checkMachine(job, options) : []),
    ...checkSecrets(job, options),
  ]);
  const costs = options.engine === null ? [...inliningCost(planned), ...costlyImages(planned)] : [];
  const seen = new Set<string>();
  return [...found, ...planned.flatMap(checkLabels), ...costs].filter(({ code, span }) => {
    const key = `${code} ${span?.file.path} ${span?.start}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function checkMachine(job: PlannedJob, { background }: EmitOptions): readonly Diagnostic[] {
  const { machine, layer, chain } = job;
  const found: Diagnostic[] = [];
  const [root] = chain;
  if (root !== undefined && machine === null) {
    const base = root.base.kind === 'machine' ? root.base.name : layer.path;
    found.push(diagnostic('github/no-runner', root.base.span, { base }));
  }
  if (root !== undefined && machine !== null && machine.difference !== null) {
    found.push(diagnostic('github/other-machine', root.base.span, { difference: machine.difference }));
  }
  if (job.memoryBytes !== null && job.memoryBytes > runnerMemoryBytes) {
    found.push(diagnostic('github/memory', layer.span, { gigabytes: Math.ceil(job.memoryBytes / 2 ** 30) }));
  }
  const steps = chain.flatMap((one) => one.steps);
  const excess = steps.filter((step) => step.kind === 'run' && step.mode === 'background')[mostBackgroundSteps];
  if (excess !== undefined && background === 'native' && machine?.image === null) {
    found.push(diagnostic('github/background', excess.span, {}));
  }
  for (const { span } of steps) {
    if (span.file.text.slice(span.start, span.end).includes('DEPLOYMENT_HOST'))
      found.push(diagnostic('github/deployment-host', span, {}));
  }
  return found;
}

function checkSecrets({ chain }: PlannedJob, { engine }: EmitOptions): readonly Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const step of chain.flatMap((one) => one.steps)) {
    if (step.kind === 'secretEnv') {
      for (const { name, span } of step.names) {
        if (secretName(name) !== name)
          found.push(diagnostic('github/secret-name', span, { name, instead: secretName(name) }));
        if (name === 'GITHUB_TOKEN') found.push(diagnostic('github/own-token', span, {}));
      }
    }
    if (step.kind === 'clone' && engine === null) found.push(diagnostic('github/clone-token', step.span, {}));
  }
  return found;
}

function checkLabels({ layer }: PlannedJob): readonly Diagnostic[] {
  return layer.labels.status === 'hidden' ? [diagnostic('github/hidden', layer.span, {})] : [];
}
