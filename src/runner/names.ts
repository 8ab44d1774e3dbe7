import { directoryOf } from '../ir/sources.ts';
import type { Layer } from '../ir/ir.ts';
import type { Runner } from '../ir/runners.ts';
import type { ChainStep } from './chain.ts';
import type { RunnerName, StepName } from './events.ts';

/** How a runner is called: by its Layerfile's directory (`web/tests`), and by its copy where there are several (`web/tests [2/3]`). */
export function runnerName(runner: Runner, layer: Layer, copies: number | null): RunnerName {
  const directory = directoryOf(layer.path) || 'Layerfile';
  const label =
    runner.copy === null || copies === null || copies < 2 ? directory : `${directory} [${runner.copy + 1}/${copies}]`;
  return { layer: layer.id, id: runner.id, copy: runner.copy, label };
}

export function stepName(chainStep: ChainStep, runner: RunnerName): StepName {
  return { runner, index: chainStep.index, title: chainStep.step.title, span: chainStep.step.span };
}
