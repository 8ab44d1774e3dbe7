import { isWorking } from '../../runner/instruction.ts';
import type { SurveyedRunner, SurveyedStep } from '../../runner/inspect/survey.ts';
import { stepName } from '../../runner/names.ts';
import { exit } from '../../exit.ts';
import { duration, plainText, plural, stepText } from '../../report/text.ts';
import { command } from '../command.ts';
import { inspectOptions, openInspection } from '../inspect/open.ts';
import { stepJson } from '../inspect/step-json.ts';
import { layerfileOperands } from '../layerfile-operands.ts';

export const plan = command({
  description:
    'Says of each step whether a run would skip it now, and why not; runs nothing and boots nothing.\n' +
    'What a step would take is what it took the last time.',
  operands: layerfileOperands,
  options: inspectOptions,
  examples: [
    { command: 'layer plan', does: 'say what layer run would do' },
    { command: 'layer plan web/tests', does: 'only for what is in a directory, and what it needs' },
    { command: 'layer plan --json | jq \'.steps[] | select(.verdict == "run")\'', does: 'hand it to a program' },
    { command: 'layer why web:3', does: 'say all about one step' },
  ],
  async run({ options, operands }, context) {
    const opened = await openInspection({ name: 'plan', needs: 'store', options, paths: operands, context });
    if ('code' in opened) return opened.code;
    await using inspection = opened;
    const { ports, store } = inspection.world;
    const runners = await inspection.survey({ kind: 'look', trees: ports.inputs }, () => {});
    const planned: Planned[] = [];
    for (const runner of runners) {
      for (const step of shownSteps(runner)) {
        const { chainStep, instance, verdict } = step;
        const last =
          instance?.durationMs ?? (await store.lastDuration(chainStep.layer.id, chainStep.step.title)) ?? null;
        planned.push({ step, lastMs: verdict.kind === 'skip' || verdict.kind === 'run' ? last : null });
      }
    }
    const { terminal } = context.host;
    terminal.out(options.json ? `${JSON.stringify(asJson(planned), null, 2)}\n` : `${asLines(planned).join('\n')}\n`);
    return exit.done;
  },
});

interface Planned {
  readonly step: SurveyedStep;
  /** What it took the last time; null where that is not known, or it does no work. */
  readonly lastMs: number | null;
}

/** The runner's own steps, and those of its parents that run for it although they hold. What copies of a SPLIT share is the first one's. */
function shownSteps({ steps, chain, name }: SurveyedRunner): readonly SurveyedStep[] {
  return steps.filter((one) => {
    if (!isWorking(one.chainStep.step)) return one.chainStep.index >= chain.own && one.verdict.kind === 'press';
    if (one.chainStep.index < chain.own) return one.holds && one.verdict.kind === 'run';
    return (name.copy ?? 0) === 0 || one.runner === name;
  });
}

function asLines(planned: readonly Planned[]): readonly string[] {
  const lines = planned.map(({ step }) => {
    const text = stepText(stepName(step.chainStep, step.runner));
    const { verdict, instance } = step;
    switch (verdict.kind) {
      case 'skip':
        return `${text}: skip (${instance?.id.slice(0, 4)}, ${plural(instance?.observations.length ?? 0, 'read')} unchanged)`;
      case 'run':
        return `${text}: run: ${plainText(verdict.reason)}`;
      case 'press':
        return `${text}: waits for a press`;
      case 'left out':
        return `${text}: left out (SKIP REMAINING IF holds)`;
      case 'pass':
        return text;
    }
  });
  const { skipped, run, lastMs, savedMs, unknown } = figures(planned);
  const total = plural(skipped + run, 'step');
  if (run === 0) return [...lines, '', `would skip all of ${total}, saving ${duration(savedMs)}`];
  const time =
    lastMs > 0 || unknown < run
      ? `; ${run === 1 ? 'the other' : 'the others'} took ${duration(lastMs)} when last run`
      : '';
  const never = unknown > 0 ? ` (${unknown} never ran before)` : '';
  return [...lines, '', `would run ${run} of ${total} and skip ${skipped}${time}${never}`];
}

function figures(planned: readonly Planned[]): {
  readonly skipped: number;
  readonly run: number;
  readonly savedMs: number;
  readonly lastMs: number;
  readonly unknown: number;
} {
  const skips = planned.filter(({ step }) => step.verdict.kind === 'skip');
  const runs = planned.filter(({ step }) => step.verdict.kind === 'run');
  const sum = (all: readonly Planned[]): number => all.reduce((ms, one) => ms + (one.lastMs ?? 0), 0);
  return {
    ...{ skipped: skips.length, run: runs.length, savedMs: sum(skips), lastMs: sum(runs) },
    unknown: runs.filter((one) => one.lastMs === null).length,
  };
}

function asJson(planned: readonly Planned[]): unknown {
  return {
    steps: planned.map(({ step, lastMs }) => ({
      ...stepJson(step),
      verdict: step.verdict.kind,
      reason: step.verdict.kind === 'run' ? step.verdict.reason : null,
      because: step.verdict.kind === 'run' ? step.verdict.because : null,
      instance: step.instance?.id ?? null,
      reads: step.instance?.observations.length ?? null,
      lastMs,
    })),
    ...figures(planned),
  };
}
