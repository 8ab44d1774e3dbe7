import { exit } from '../../exit.ts';
import { place, plainText, plural, stepText } from '../../report/text.ts';
import type { SurveyedRunner } from '../../runner/inspect/survey.ts';
import { unverifiable, verifyStep, type Verified } from '../../runner/inspect/verify.ts';
import { stepName } from '../../runner/names.ts';
import { command } from '../command.ts';
import { findSurveyed, inspectOptions, openInspection, type FoundStep } from '../inspect/open.ts';
import { stepJson } from '../inspect/step-json.ts';

const mostShown = 20;

export const verify = command({
  description:
    'Proves skips right, or shows the file that proves one wrong: runs each RUN that would be skipped now twice from the snapshot before it and\n' +
    'compares all files of the machine with the snapshot after it (kind, mode, owner, content, link, extended attributes; not times, not CACHE).\n' +
    'What differs between the two runs is left to chance, and no finding. Values that a step uses and no BUILD ENV names, the network and the\n' +
    'time are findings where both runs agree on something new. Ends with 1 where there is a finding.',
  operands: {
    placeholder: 'step',
    help: 'places (web/Layerfile:5, web:3), checkpoints, ids or parts of the text; without one, every RUN that would be skipped',
    least: 0,
    most: Infinity,
  },
  options: inspectOptions,
  examples: [
    { command: 'layer verify', does: 'run again all that would be skipped' },
    { command: 'layer verify web:3', does: 'only one step' },
    { command: 'layer verify --json > verified.json', does: 'hand the findings to a program' },
  ],
  async run({ options, operands }, context) {
    const { terminal } = context.host;
    const opened = await openInspection({ name: 'verify', needs: 'machines', options, paths: [], context });
    if ('code' in opened) return opened.code;
    await using inspection = opened;
    const { ports } = inspection.world;
    const inputs = await ports.inputs.freeze(context.signal);
    if ('failure' in inputs) {
      terminal.error(`layer verify: ${inputs.failure}\n`);
      return exit.hostFailed;
    }
    const runners = await inspection.survey({ kind: 'work', inputs }, (event) => {
      if (event.kind === 'note') terminal.error(`${plainText(event.message)}\n`);
    });
    const wanted: FoundStep[] = [];
    for (const typed of operands) {
      const found = findSurveyed(typed, { ...inspection, runners });
      if ('problem' in found) {
        terminal.error(`layer verify: ${found.problem}\n`);
        return exit.usage;
      }
      wanted.push(found);
    }
    const results: Result[] = [];
    for (const found of operands.length === 0 ? runners.flatMap(skippedRuns) : wanted) {
      context.signal.throwIfAborted();
      const why = unverifiable(found.step);
      const verified: Verified =
        why === null ? await verifyStep(found.step, found.runner) : { kind: 'unverified', why };
      const result = { found, verified };
      results.push(result);
      if (!options.json) for (const line of asLines(result)) terminal.out(`${line}\n`);
    }
    const wrong = results.filter(({ verified }) => isWrong(verified)).length;
    if (options.json) terminal.out(`${JSON.stringify({ wrong, steps: results.map(asJson) }, null, 2)}\n`);
    else terminal.out(`${ending(results, wrong)}\n`);
    return wrong > 0 ? exit.stepFailed : exit.done;
  },
});

interface Result {
  readonly found: FoundStep;
  readonly verified: Verified;
}

/** The RUNs of a runner itself that a run would skip; those that copies of a SPLIT share once. */
function skippedRuns(runner: SurveyedRunner): readonly FoundStep[] {
  const { chain, name, steps } = runner;
  return steps.flatMap((step): readonly FoundStep[] => {
    const { index, step: own } = step.chainStep;
    const shared = step.runner !== name && (name.copy ?? 0) > 0;
    return index >= chain.own && !shared && own.kind === 'run' && step.holds
      ? [{ runner, step, byResult: false, byFailure: false }]
      : [];
  });
}

function isWrong(verified: Verified): boolean {
  if (verified.kind === 'compared') return verified.differences.some((one) => one.kind === 'finding');
  return verified.kind === 'fails';
}

function asLines({ found: { step }, verified }: Result): readonly string[] {
  const text = stepText(stepName(step.chainStep, step.runner));
  switch (verified.kind) {
    case 'unverified':
      return [`${text}: not verified: ${plainText(verified.why)}`];
    case 'fails':
      return [`${text}: WRONG: skipped, but it fails when it runs: ${plainText(verified.why)}`, ...whereabouts(step)];
    case 'compared': {
      const { differences, files } = verified;
      const findings = differences.filter((one) => one.kind === 'finding');
      const chance = differences.filter((one) => one.kind === 'chance');
      const shown = (all: typeof differences): readonly string[] => [
        ...all.slice(0, mostShown).map((one) => `    ${plainText(one.path)} ${plainText(one.what)}`),
        ...(all.length > mostShown ? [`    … and ${all.length - mostShown} more (--json has all)`] : []),
      ];
      const lines =
        findings.length === 0
          ? [`${text}: right, ${plural(files, 'file')} compared`]
          : [
              `${text}: WRONG: running it leaves something else than the snapshot holds`,
              ...whereabouts(step),
              ...shown(findings),
            ];
      if (chance.length > 0) lines.push('  left to chance, differs from run to run:', ...shown(chance));
      return lines;
    }
  }
}

function whereabouts(step: FoundStep['step']): readonly string[] {
  return [
    `  at ${place(step.chainStep.step.span)}; layer reads ${place(step.chainStep.step.span)} lists what it looked at`,
  ];
}

function ending(results: readonly Result[], wrong: number): string {
  const compared = results.filter(({ verified }) => verified.kind !== 'unverified').length;
  const left = results.length - compared;
  const rest = left > 0 ? `, ${left} not verified` : '';
  if (results.length === 0) return 'nothing would be skipped now: there is nothing to verify';
  return wrong > 0
    ? `\n${wrong} of ${plural(compared, 'skip')} wrong${rest}; layer run --rerun-from runs one again, and its results replace the old ones`
    : `\n${plural(compared, 'skip')} proved right${rest}`;
}

function asJson({ found: { step }, verified }: Result): unknown {
  return { step: stepJson(step), instance: step.instance?.id ?? null, wrong: isWrong(verified), ...verified };
}
