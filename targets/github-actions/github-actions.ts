import type { Plan } from '../../src/ir/ir.ts';
import { chainOf } from '../../src/ir/walk.ts';
import type { OutputFile, Support, Target } from '../../src/target.ts';
import { layerProxy } from '../shell/generated-layer-proxy.ts';
import { layerShell } from '../shell/generated-layer-sh.ts';
import { sourcesDigest } from '../sources-digest.ts';
import { checkPlan } from './check.ts';
import { jobOptions, workflowOf, type EmitOptions } from './emit.ts';
import { isProxied } from './environment.ts';
import { planJobs } from './jobs.ts';
import { proxyPath, shellPath } from './prepare.ts';
import { printWorkflow } from './print.ts';
import { support, supportOn } from './support.ts';

const engineButton: Support = {
  level: 'emulated',
  how: 'a person approves an environment, which must have required reviewers; what stands behind it is a second job, which restores what the first one saved, and runs again what was made while a secret was in force',
};

/** GitHub Actions: one workflow for a repository's Layerfiles, and the shell that its steps run by. */
export function githubActions(options: EmitOptions): Target {
  const { engine } = options;
  return {
    name: 'github',
    title: 'GitHub Actions',
    support: engine === null ? supportOn(options) : engineSupport,
    check: (plan) => checkPlan(plan, options),
    emit(plan: Plan): readonly OutputFile[] {
      const head = [
        'Compiled from Layerfiles by `layer compile --target github`; change those, not this.',
        `sources: ${sourcesDigest(plan)}`,
      ];
      const content = printWorkflow(workflowOf(plan, options), head);
      const workflow: OutputFile = { path: '.github/workflows/layer.yml', content, executable: false };
      const shell: OutputFile = { path: shellPath, content: layerShell, executable: true };
      if (engine !== null) return [workflow];
      const proxy: OutputFile = { path: proxyPath, content: layerProxy, executable: true };
      const proxied = planJobs(plan, jobOptions(options)).some(({ chain }) => isProxied(chain));
      return [workflow, shell, ...(proxied ? [proxy] : [])];
    },
  };
}

/** `layer run` does the thing itself; only what a job is made from is GitHub's. */
const engineSupport: Target['support'] = {
  ...(Object.fromEntries(Object.keys(support).map((kind) => [kind, { level: 'native' }])) as Target['support']),
  button: {
    usually: engineButton,
    of: (step, { plan, layer }) =>
      chainOf(plan, layer.id)
        .flatMap(({ steps }) => steps)
        .some((one) => one.kind === 'button' && one !== step && one.message === step.message)
        ? {
            level: 'unsupported',
            why: 'another BUTTON above or below it says the same, and one press would press both',
          }
        : engineButton,
  },
};
