import { positionAt } from '../../src/diagnostics/source.ts';
import { assignable } from '../../src/ir/assignable.ts';
import type { Argument, Env, Layer, Step } from '../../src/ir/ir.ts';
import { argumentWord, literalWord, shellValue, shellWord, sourceWords } from '../shell/quote.ts';
import { credentialsOf } from './aws.ts';
import { secretEnvironment } from './secrets.ts';
import { plain, type WorkflowStep } from './workflow.ts';

/** `native`: GitHub's background steps; `shell`: processes of our own, for servers and containers without them. */
export type BackgroundMode = 'native' | 'shell';

/** What a step's translation depends on besides the step. */
export interface StepContext {
  readonly layer: Layer;
  /** The names of secrets in force: only the steps that may use them get them. */
  readonly secrets: readonly string[];
  /** Whether a SKIP REMAINING IF stands above it in its Layerfile. */
  readonly gated: boolean;
  /** Conditions of its own: where they do not hold, an image has what the step does. */
  readonly unless: readonly string[];
  readonly background: BackgroundMode;
  /** Numbers what needs a name of its own in the job. */
  readonly number: number;
}

/** The last characters of a job's `run` that GitHub takes. */
export const longestRun = 21_000;

/** What a step becomes. Steps that only mean something to the whole job (SPLIT's matrix, WAIT's needs, BUTTON's cut, CACHE) are the job's. */
export function translateStep(step: Step, context: StepContext): readonly WorkflowStep[] {
  return bare(step, context).map((one) => dressed(one, step, context));
}

/** A step of the workflow with what every one has: its place in the Layerfile, its name, its gate. */
export function dressed(
  one: WorkflowStep,
  step: Step,
  { layer, gated, unless }: Pick<StepContext, 'layer' | 'gated' | 'unless'>,
): WorkflowStep {
  const line = positionAt(step.span.file, step.span.start).line;
  const conditions = [
    ...unless,
    ...(gated ? ["env.LAYER_SKIP != 'true'"] : []),
    ...(one.if === undefined ? [] : [one.if]),
  ];
  return {
    ...one,
    comment: `${visible(placeOf(layer))}:${line}`,
    name: plain(shortened(one.name ?? step.title)),
    ...(conditions.length === 0 ? {} : { if: conditions.join(' && ') }),
  };
}

/** What a secret-free bash step without a gate of its own looks like: a call of layer-sh's bookkeeping. */
export function call(...words: readonly string[]): WorkflowStep {
  return { shell: 'bash', run: `layer-sh ${words.join(' ')}` };
}

/** The assignments that ENV makes, in bash. */
export function envScript({ pairs }: Pick<Env, 'pairs'>): string {
  const assignments = pairs.map(({ name, value, literal }) =>
    literal === null
      ? `${name}=${assignable(value)} || exit $?\nexport ${name}`
      : `export ${name}=${shellValue(literal)}`,
  );
  return assignments.join('\n');
}

function placeOf({ path, repository }: Layer): string {
  return repository.kind === 'own' ? path : `github/${repository.owner}/${repository.name}/${path}`;
}

/** A comment is one line, whatever a path holds. */
export function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

function shortened(title: string): string {
  const characters = [...visible(title)];
  return characters.length > 120 ? `${characters.slice(0, 119).join('')}…` : characters.join('');
}

/** A user's script as `run`: as it stands, or out of the environment where GitHub would read an expression in it. */
function script(command: string, secrets: readonly string[]): WorkflowStep {
  const env = secretEnvironment(secrets);
  if (command.includes('${{')) {
    return {
      env: { ...env, LAYER_COMMAND: plain(command) },
      run: '# see LAYER_COMMAND: GitHub would read an expression in it here',
    };
  }
  return { ...(secrets.length === 0 ? {} : { env }), run: command };
}

/** A call whose arguments layer-sh expands: with the secrets among them. */
function expanding(words: readonly string[], given: readonly Argument[], secrets: readonly string[]): WorkflowStep {
  const named = new Set(
    given.flatMap(({ parts }) => parts.flatMap((part) => (typeof part === 'string' ? [] : [part.variable]))),
  );
  // What ENV set may hold a secret, so any variable brings them all.
  if (named.size === 0 || secrets.length === 0) return call(...words);
  return { ...call(...words), env: secretEnvironment(secrets) };
}

function bare(step: Step, context: StepContext): readonly WorkflowStep[] {
  const { secrets } = context;
  switch (step.kind) {
    case 'run':
      return step.mode === 'background' ? background(step.command, context) : [script(step.command, secrets)];
    case 'env': {
      const names = step.pairs.map((pair) => pair.name);
      return [{ ...script(envScript(step), secrets), shell: `layer-sh env ${names.join(' ')} {0}` }];
    }
    case 'buildEnv':
    case 'checkpoint':
    case 'wait':
    case 'button':
    case 'cache':
      return [];
    case 'secretEnv': {
      const names = step.names.map(({ name }) => name);
      const all = [...new Set([...secrets, ...names])];
      return [{ ...call('secret', ...names), env: secretEnvironment(all) }];
    }
    case 'workdir':
      return [expanding(['workdir', argumentWord(step.directory)], [step.directory], secrets)];
    case 'user':
      return [expanding(['user', argumentWord(step.name)], [step.name], secrets)];
    case 'setupFile':
      return [expanding(['setup-file', ...step.paths.map(argumentWord)], step.paths, secrets)];
    case 'copy': {
      const { repository } = context.layer;
      const tree = repository.kind === 'own' ? '' : repository.root;
      const places = [literalWord(tree), literalWord(step.from), argumentWord(step.destination)];
      const given = [step.destination, ...step.sources.map(({ path }) => path)];
      return [expanding(['copy', ...places, ...step.sources.flatMap(sourceWords)], given, secrets)];
    }
    case 'clone': {
      const branch = step.defaultBranch === null ? "''" : argumentWord(step.defaultBranch);
      const places = [argumentWord(step.url), branch, argumentWord(step.destination)];
      const given = [step.url, step.destination, ...step.sources.map(({ path }) => path)];
      const cloned = expanding(['clone', ...places, ...step.sources.flatMap(sourceWords)], given, secrets);
      return [{ ...cloned, env: { ...cloned.env, LAYER_CLONE_TOKEN: '${{ secrets.LAYER_CLONE_TOKEN }}' } }];
    }
    case 'split': {
      if (step.unordered) return [call('split', String(step.count))];
      return [{ ...call('split', String(step.count), '"$COPY"'), env: { COPY: '${{ matrix.SPLIT }}' } }];
    }
    case 'skipIf': {
      const env: Record<string, string> = {};
      const words = step.conditions.flatMap((condition, index) => {
        env[`VALUE_${index + 1}`] = plain(condition.value);
        return [condition.name, shellWord(condition.operator), `"$VALUE_${index + 1}"`];
      });
      return [{ ...call('skip-if', ...words), env }];
    }
    case 'expose': {
      if (step.protocol === 'tcp')
        return [expanding(['expose', 'tcp', 'tcp', argumentWord(step.inside)], [step.inside], secrets)];
      const given = [step.port, step.path, ...(step.rewrite === null ? [] : [step.rewrite])];
      return [expanding(['expose', 'website', step.scheme, ...given.map(argumentWord)], given, secrets)];
    }
    case 'awsLink': {
      return [credentialsOf(step), { ...call('aws'), name: `${step.title}: from here on` }];
    }
  }
}

function background(command: string, { secrets, number, background: mode }: StepContext): readonly WorkflowStep[] {
  const name = `background-${number}`;
  const started = script(command, secrets);
  const check: WorkflowStep = { ...call('background-check', name), name: 'is it still up?' };
  if (mode === 'shell') return [{ ...started, shell: `layer-sh background-start ${name} {0}` }, check];
  return [{ ...started, id: name, background: true, shell: `layer-sh background ${name} {0}` }, check];
}
