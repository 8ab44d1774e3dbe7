import { text as readText } from 'node:stream/consumers';
import { relative, resolve } from 'node:path';
import type { RepoPath } from '../../host.ts';
import { directoryOf } from '../../ir/sources.ts';
import { layersTaking } from '../../ir/takes.ts';
import type { Plan } from '../../ir/ir.ts';
import { affectedBy } from '../../runner/inspect/affected.ts';
import { isWorking } from '../../runner/instruction.ts';
import type { SurveyedRunner, SurveyedStep } from '../../runner/inspect/survey.ts';
import { stepName } from '../../runner/names.ts';
import { exit } from '../../exit.ts';
import { plainText, plural, stepText } from '../../report/text.ts';
import { command } from '../command.ts';
import { inspectOptions, openInspection } from '../inspect/open.ts';
import { stepJson } from '../inspect/step-json.ts';

export const affected = command({
  description:
    'Says which steps would run if files were edited, judged by what each step looked at when it ran; runs nothing.\n' +
    'A file that is not there counts as if it appeared, or had just been deleted. With - the paths come from standard input, one a line.',
  operands: { placeholder: 'file', help: 'a file of the repository; - reads a list', least: 1, most: Infinity },
  options: inspectOptions,
  examples: [
    { command: 'layer affected web/a.ts', does: 'say who has looked at a file' },
    { command: 'git diff --name-only main | layer affected -', does: 'say what a branch makes run' },
    { command: 'layer affected --json README.md | jq .[].affected', does: 'hand it to a program' },
  ],
  async run({ options, operands }, context) {
    const { terminal, directory } = context.host;
    const opened = await openInspection({ name: 'affected', needs: 'store', options, paths: [], context });
    if ('code' in opened) return opened.code;
    await using inspection = opened;
    const { root, plan, world } = inspection;
    const listed = operands.includes('-') ? (await readText(process.stdin)).split('\n') : [];
    // What git lists is relative to the repository's root.
    const files = [
      ...operands.filter((one) => one !== '-').map((one) => resolve(directory, one)),
      ...listed.filter((one) => one.trim() !== '').map((one) => resolve(root, one)),
    ].map((path) => relative(root, path) as RepoPath);
    const outside = files.find((one) => one === '..' || one.startsWith('../'));
    if (outside !== undefined) {
      terminal.error(`layer affected: ${resolve(root, outside)} is not in the repository ${root}\n`);
      return exit.usage;
    }
    const runners = await inspection.survey({ kind: 'look', trees: world.ports.inputs }, () => {});
    const answers = [...new Set(files)].map((file) => ({ file, concerns: concernsOf(file, { plan, runners }) }));
    terminal.out(
      options.json ? `${JSON.stringify(answers.map(asJson), null, 2)}\n` : answers.flatMap(asLines).join(''),
    );
    return exit.done;
  },
});

/** What a file means for one runner. */
interface Concern {
  readonly runner: SurveyedRunner;
  /** The first step that would run; null where that cannot be told. */
  readonly step: SurveyedStep | null;
  readonly why: string;
  /** Working steps after it, which run too. */
  readonly following: number;
}

function concernsOf(
  file: RepoPath,
  { plan, runners }: { readonly plan: Plan; readonly runners: readonly SurveyedRunner[] },
): readonly Concern[] {
  const taking = new Set(layersTaking(plan, file, () => null));
  return runners.flatMap((runner): readonly Concern[] => {
    const unsure = (why: string): readonly Concern[] => [{ runner, step: null, why, following: 0 }];
    if (file === '.layerignore') return unsure('decides what COPY takes: any step may run');
    if (file === '.layer/config.json') return unsure('decides what base machines and Layerfiles are: any step may run');
    const own = runner.chain.layers.find((one) => one.path === file && one.repository.kind === 'own');
    if (own)
      return unsure(
        `is ${own === runner.chain.layer ? 'its Layerfile' : 'a Layerfile that it starts from'}: it runs from the first edited line on`,
      );
    const found = affectedBy(file, runner);
    if (found !== null) {
      const { index } = found.step.chainStep;
      const after = runner.steps.filter((one) => isWorking(one.chainStep.step) && one.chainStep.index > index);
      return [{ runner, step: found.step, why: found.why, following: after.length }];
    }
    const unknown = runner.steps.find(
      (one) => isWorking(one.chainStep.step) && one.instance === null && one.verdict.kind === 'run',
    );
    if (unknown && taking.has(runner.chain.layer.id)) {
      return [{ runner, step: unknown, why: 'has no result yet, so it runs anyway', following: 0 }];
    }
    return [];
  });
}

interface AnswerFor {
  readonly file: RepoPath;
  readonly concerns: readonly Concern[];
}

function asLines({ file, concerns }: AnswerFor): readonly string[] {
  const lines = concerns.map(({ runner, step, why, following }) => {
    if (step === null) return `  ${plainText(runner.name.label)}: ${why}\n`;
    const more = following > 0 ? `, and ${plural(following, 'step')} after it` : '';
    const name = { ...stepName(step.chainStep, step.runner), runner: runner.name };
    return `  ${stepText(name)}: ${why}${more}\n`;
  });
  const shown = plainText(file || directoryOf(file) || '.');
  return [`${shown}\n`, ...(lines.length > 0 ? lines : ['  nothing: no step has looked at it\n'])];
}

function asJson({ file, concerns }: AnswerFor): unknown {
  return {
    file,
    affected: concerns.map(({ runner, step, why, following }) => ({
      runner: runner.name.id,
      layerfile: runner.chain.layer.path,
      step: step && stepJson(step),
      why,
      following,
    })),
  };
}
