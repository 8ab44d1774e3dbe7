import { positionAt } from '../../diagnostics/source.ts';
import type { SurveyedStep } from '../../runner/inspect/survey.ts';

/** A step as programs get it, in the words of `layer run --json`. */
export function stepJson({ chainStep, runner }: Pick<SurveyedStep, 'chainStep' | 'runner'>): {
  readonly runner: string;
  readonly index: number;
  readonly title: string;
  readonly file: string;
  readonly line: number;
} {
  const { span, title } = chainStep.step;
  const { line } = positionAt(span.file, span.start);
  return { runner: runner.id, index: chainStep.index, title, file: span.file.path, line };
}
