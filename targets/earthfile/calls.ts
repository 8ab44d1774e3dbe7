import { assignable } from '../../src/ir/assignable.ts';
import type { Env, Expose, SkipIf, Step } from '../../src/ir/ir.ts';
import { argumentWord, sourceWords } from '../shell/quote.ts';

/** What a step is to the machine's `/layer/sh`, as words of a shell line; null where it is nothing to it. COPY is not among them: see copy.ts. */
export function callOf(step: Step): string | null {
  switch (step.kind) {
    case 'run':
      return `run ${quoted(step.command)}`;
    case 'env':
      return envCall(step);
    case 'workdir':
      return `workdir ${word(argumentWord(step.directory))}`;
    case 'user':
      return `user ${word(argumentWord(step.name))}`;
    case 'setupFile':
      return `setup-file ${step.paths.map((path) => word(argumentWord(path))).join(' ')}`;
    case 'clone': {
      const branch = step.defaultBranch === null ? "''" : word(argumentWord(step.defaultBranch));
      const words = [word(argumentWord(step.url)), branch, word(argumentWord(step.destination))];
      return `clone ${[...words, ...step.sources.flatMap(sourceWords)].join(' ')}`;
    }
    case 'expose':
      return exposeCall(step);
    case 'awsLink':
      return 'aws';
    case 'copy':
    case 'buildEnv':
    case 'secretEnv':
    case 'cache':
    case 'checkpoint':
    case 'split':
    case 'wait':
    case 'button':
    case 'skipIf':
      return null;
  }
}

/** The test that a SKIP REMAINING IF makes: ends with 0 where all its conditions hold. */
export function holdsCall(step: SkipIf): string {
  return `holds ${step.conditions.map(({ name, operator, value }) => `${name} ${quoted(operator)} ${quoted(value)}`).join(' ')}`;
}

/** A text in single quotes, whatever it holds: an Earthfile's own lexer reads less into it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function envCall({ pairs }: Env): string {
  const text = pairs.map(({ name, value }) => `${name}=${assignable(value)} || exit $?; export ${name}`).join('; ');
  return `assign ${pairs.map(({ name }) => name).join(' ')} ${quoted(text)}`;
}

function exposeCall(step: Expose): string {
  if (step.protocol === 'tcp') return `expose tcp tcp ${word(argumentWord(step.inside))}`;
  return `expose website ${step.scheme} ${word(argumentWord(step.port))} ${word(argumentWord(step.path))}`;
}

/** An empty word is none without quotes. */
function word(text: string): string {
  return text === '' ? "''" : text;
}
