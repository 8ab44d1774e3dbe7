import { randomBytes } from 'node:crypto';
import { relative, resolve } from 'node:path';
import { exit, type ExitCode } from '../../exit.ts';
import type { RepoPath } from '../../host.ts';
import { findStep, type NamedStep } from '../../ir/find-step.ts';
import type { Plan } from '../../ir/ir.ts';
import { closure } from '../../runner/chain.ts';
import type { Mode } from '../../runner/context.ts';
import type { Listener } from '../../runner/events.ts';
import { survey, type SurveyedRunner, type SurveyedStep } from '../../runner/inspect/survey.ts';
import { openRun, type World } from '../../world/open.ts';
import { flag, text, texts } from '../args.ts';
import type { Context } from '../command.ts';
import { codeOf } from '../commands/check.ts';
import { terminalReport } from '../report.ts';
import type { InstanceId } from '../../runner/store.ts';
import type { DriverName } from '../../world/driver-names.ts';
import { asRoot } from '../run/as-root.ts';
import { compileFetched } from '../run/fetched.ts';
import { driverOption } from '../run/options.ts';
import { select } from '../../world/selection.ts';

/** What commands take that look at a repository's runs; the same words mean the same as for `layer run`. */
export const inspectOptions = {
  json: flag('print JSON'),
  store: text('directory', 'where results are kept; LAYER_STORE or ~/.cache/layer by default'),
  secret: texts('name', 'pass on a secret from this environment'),
  'secret-file': texts('name=path', 'give a secret as the content of a file, in base64'),
  env: texts('name=value', 'set a predefined variable'),
  offline: flag('do not ask other repositories for newer commits'),
  driver: driverOption,
};

/** What was typed for `inspectOptions`. */
export interface InspectOptions {
  readonly json: boolean;
  readonly store: string | null;
  readonly secret: readonly string[];
  readonly 'secret-file': readonly string[];
  readonly env: readonly string[];
  readonly offline: boolean;
  readonly driver: DriverName;
}

/** A repository with its Layerfiles and the store, open for a look. */
export interface Inspection extends AsyncDisposable {
  readonly plan: Plan;
  readonly world: World;
  /** Where the person is in the repository. */
  readonly here: RepoPath;
  /** The repository's root. */
  readonly root: string;
  /** All runners as a run on these trees would find them. */
  survey(mode: Mode, emit: Listener): Promise<readonly SurveyedRunner[]>;
}

/** Opens what a command looks at. What is wrong is printed; the exit code says of what kind it is. */
export async function openInspection(given: {
  readonly name: string;
  readonly options: InspectOptions;
  readonly needs: 'store' | 'machines';
  /** Layerfiles and directories as typed; none for all. */
  readonly paths: readonly string[];
  readonly context: Context;
}): Promise<Inspection | { readonly code: ExitCode }> {
  const { name, options, paths, context } = given;
  const { terminal, directory } = context.host;
  const wrong = (problem: string, code: ExitCode): { readonly code: ExitCode } => {
    terminal.error(`layer ${name}: ${problem}\n`);
    return { code };
  };
  const selection = select(paths, context.host);
  if ('problem' in selection) return wrong(selection.problem, exit.usage);
  const names = options.env.map((one) => one.split('=')[0] ?? '');
  const elevated = await asRoot(name, given.needs, context);
  if (elevated !== null) return { code: elevated };
  const compiled = await compileFetched(selection.repository, {
    ...{ compile: { ...selection, given: names }, offline: options.offline, env: context.host.environment },
    ...{ tell: (message) => terminal.error(`${message}\n`), signal: context.signal },
  });
  if ('failure' in compiled) return wrong(compiled.failure, exit.hostFailed);
  const { plan, diagnostics } = compiled;
  if (plan === null) {
    terminal.error(await terminalReport(diagnostics, terminal, selection.showPath));
    return { code: codeOf(diagnostics) };
  }
  const { root } = selection.repository;
  const world = await openRun({
    ...{ options: { ...options, press: [], serve: false }, plan, root, job: 'none', context },
    listener: (event) => {
      if (event.kind === 'note')
        terminal.error(`${event.level === 'info' ? '' : `${event.level}: `}${event.message}\n`);
    },
  });
  if ('problem' in world) return wrong(world.problem, exit.usage);
  if ('failure' in world) return wrong(world.failure, exit.hostFailed);
  for (const warning of world.warnings) terminal.error(`warning: ${warning}\n`);
  const wanted = plan.layers.filter((layer) => layer.own).map((layer) => layer.id);
  const here = relative(root, resolve(directory));
  return {
    ...{ plan, world, root, here: (here.startsWith('..') ? '' : here) as RepoPath },
    survey: (mode, emit) =>
      survey({
        ...{ plan, layers: closure(plan, wanted), ports: world.ports, mode, emit },
        ...{ signal: context.signal, run: randomBytes(16).toString('hex') },
      }),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

/** A step that was found in a survey. */
export interface FoundStep {
  readonly runner: SurveyedRunner;
  readonly step: SurveyedStep;
  /** By the id of its result, not by where it stands. */
  readonly byResult: boolean;
  /** By the id of the machine in which it failed. */
  readonly byFailure: boolean;
}

/** Opens what a command looks at that is about one step, and finds it as a run would find it now. What is wrong is printed. */
export async function openStep(
  typed: string,
  given: Omit<Parameters<typeof openInspection>[0], 'needs' | 'paths'>,
): Promise<(Inspection & { readonly found: FoundStep }) | { readonly code: ExitCode }> {
  const inspection = await openInspection({ ...given, needs: 'store', paths: [] });
  if ('code' in inspection) return inspection;
  const runners = await inspection.survey({ kind: 'look', trees: inspection.world.ports.inputs }, () => {});
  const found = findSurveyed(typed, { ...inspection, runners });
  if (!('problem' in found)) return { ...inspection, found };
  given.context.host.terminal.error(`layer ${given.name}: ${found.problem}\n`);
  await inspection[Symbol.asyncDispose]();
  return { code: exit.usage };
}

/** The step that a person means, with the runner that it is looked at in: the one that was named, else the Layerfile's own, or its first copy. */
export function findSurveyed(
  typed: string,
  {
    plan,
    here,
    runners,
  }: { readonly plan: Plan; readonly here: RepoPath; readonly runners: readonly SurveyedRunner[] },
): FoundStep | { readonly problem: string } {
  const ids = new Map<string, NamedStep>();
  const places = new Map<string, FoundStep>();
  for (const runner of runners) {
    for (const step of runner.steps) {
      const { instance, chainStep, failure } = step;
      const add = (id: InstanceId | undefined, by: Pick<FoundStep, 'byResult' | 'byFailure'>): void => {
        if (id === undefined || places.has(id)) return;
        ids.set(id, { layer: chainStep.layer, step: chainStep.step, runner: null });
        places.set(id, { runner, step, ...by });
      };
      add(instance?.id, { byResult: true, byFailure: false });
      add(failure?.instance, { byResult: false, byFailure: true });
    }
  }
  const named = findStep(plan, typed, { here, ids });
  if ('problem' in named) return named;
  const withId = /^[0-9a-f]{4,32}$/.test(typed)
    ? [...places].find(([id, { step }]) => id.startsWith(typed) && step.chainStep.step === named.step)
    : undefined;
  if (withId) return withId[1];
  const fits = (one: SurveyedRunner): boolean =>
    named.runner === null ? one.chain.layer === named.layer : one.name.id === named.runner.id;
  const runner = runners.find(fits) ?? runners.find((one) => one.chain.layers.includes(named.layer));
  const step = runner?.steps.find((one) => one.chainStep.step === named.step);
  if (!runner || !step) throw new Error('a step of the plan is in no chain');
  return { runner, step, byResult: false, byFailure: false };
}
