import { diagnostic, type Diagnostic } from '../../diagnostics/diagnostic.ts';
import { argumentsOf } from '../arguments.ts';
import type { EarthfileChecked } from '../check.ts';
import { earthCommands } from '../commands.ts';
import { hasFeature } from '../features.ts';
import { eachCommand } from './each.ts';

/** A command or flag that VERSION has to turn on is turned on. */
export function* checkFeatures({ ast, features }: EarthfileChecked): Generator<Diagnostic> {
  for (const { command } of eachCommand(ast)) {
    const { needs } = earthCommands[command.keyword];
    const whole = needs[''];
    if (whole !== undefined && !hasFeature(features, whole)) {
      yield diagnostic('earthfile/needs-feature', command.keywordSpan, {
        what: command.keyword,
        feature: `--${whole}`,
      });
    }
    for (const flag of argumentsOf(command).flags) {
      const feature = needs[flag.name];
      if (feature !== undefined && !hasFeature(features, feature)) {
        yield diagnostic('earthfile/needs-feature', flag.span, {
          what: `${command.keyword} ${flag.name}`,
          feature: `--${feature}`,
        });
      }
    }
  }
}
