import * as core from '@actions/core';
import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };
import { compile } from '../compile/compile.ts';
import { hasErrors, type Diagnostic } from '../diagnostics/diagnostic.ts';
import { renderGithub } from '../diagnostics/render/github.ts';
import { exit, type ExitCode } from '../exit.ts';
import type { Plan } from '../ir/ir.ts';
import type { Host } from '../node-host.ts';
import { createSummary, type Summary } from '../report/summary.ts';
import { nothingForced, run as runPlan } from '../runner/run.ts';
import { codeOfRun } from '../world/exit-code.ts';
import { openRun, type World } from '../world/open.ts';
import { select } from '../world/selection.ts';
import { withoutDone } from './done.ts';
import type { Inputs } from './inputs.ts';
import { jobSummary, type SourceLinks } from './job-summary.ts';
import { createActionReporter } from './reporter.ts';
import { sendingMs, sentState, sentText } from './sent.ts';
import { sharingOf } from './sharing.ts';
import type { Trust } from './trust.ts';
import { workspaceOf } from './workspace.ts';

/** Runs the Layerfiles as a job of GitHub Actions: its log, annotations, summary and outputs. */
export async function runJob(given: {
  readonly inputs: Inputs;
  readonly trust: Trust;
  readonly host: Host;
  readonly signal: AbortSignal;
}): Promise<ExitCode> {
  const { inputs, trust, signal } = given;
  if (inputs.version !== null && inputs.version.replace(/^v/, '') !== packageJson.version) {
    return fail(
      `this action is layer ${packageJson.version}, and the input version asks for ${inputs.version}: use the tag of that version`,
      exit.usage,
    );
  }
  if (
    trust.kind === 'fork' &&
    given.host.environment['RUNNER_ENVIRONMENT'] === 'self-hosted' &&
    !given.host.environment['LAYER_ALLOW_FORKS']
  ) {
    const why =
      'the sandbox is no boundary for the code of strangers, and this runner is not thrown away after the job';
    return fail(
      `a pull request from a fork does not run here: ${why}; LAYER_ALLOW_FORKS=1 in env of this step allows it`,
      exit.hostFailed,
    );
  }
  const { workspace, directory } = workspaceOf(given.host, inputs);
  const host = withLog({ ...given.host, environment: environmentOf(given.host, trust) }, directory);
  const secrets = handOn(inputs.secrets, { trust, host });

  const selection = select(inputs.paths, host);
  if ('problem' in selection) return fail(`paths: ${selection.problem}`, exit.usage);
  const { root } = selection.repository;
  const filePath = (path: string): string => relative(workspace, resolve(root, path));
  const { plan: compiled, diagnostics } = await compile(selection.repository, { only: selection.only, given: [] });
  annotate(diagnostics, filePath);
  const plan = compiled === null ? null : withoutDone(compiled, inputs.done);
  if (plan === null) return hasErrors(diagnostics) ? fail('the Layerfiles are wrong', exit.wrong) : exit.done;

  const options = {
    ...{ store: null, secret: secrets, 'secret-file': [], env: [], press: inputs.press },
    // A saved machine stays on the host that saved it, and such a host is gone after the job.
    ...{ serve: false, offline: false, driver: 'sandbox' as const },
  };
  const summary = createSummary();
  const reporter = createActionReporter(core, { filePath });
  const opened = await openRun({
    ...{ options, plan, root, context: { host, signal }, listener: reporter.listen },
    sharing: sharingOf({ inputs, trust, environment: given.host.environment }),
  });
  if ('problem' in opened) return fail(opened.problem, exit.usage);
  if ('failure' in opened) return fail(opened.failure, exit.hostFailed);
  await using world = opened;
  for (const warning of world.warnings) core.warning(warning);

  try {
    const outcome = await runPlan({
      plan,
      wanted: plan.layers.filter((layer) => layer.own).map((layer) => layer.id),
      ports: withTrust(world, trust),
      jobs: inputs.jobs ?? availableParallelism(),
      keepGoing: false,
      forced: () => nothingForced,
      listener: (event) => {
        summary.add(event);
        reporter.listen(event);
      },
      signal,
    });
    reporter.close();
    setOutputs(summary.summary, websiteOf(plan, world));
    const sending = AbortSignal.any([signal, AbortSignal.timeout(sendingMs)]);
    const store = signal.aborted ? [] : sentText(await world.writeBack(sending));
    // Where it was cut short, the post step goes on.
    if (!sending.aborted) core.saveState(sentState, 'yes');
    for (const line of store) core.info(line);
    const links = linksOf(host.environment, filePath);
    await writeSummary(jobSummary({ summary: summary.summary, plan, links, store }), host);
    core.setOutput('waiting', outcome === 'waiting');
    return outcome === 'waiting' && inputs.button === 'stop' ? exit.done : codeOfRun(outcome);
  } finally {
    reporter.close();
  }
}

/** The environment without what only the runner and the action are to know, and for those that get no secrets without the host's own. */
function environmentOf({ environment }: Host, trust: Trust): Host['environment'] {
  const hidden = trust.secrets ? /^(ACTIONS|INPUT)_/ : /^(ACTIONS|INPUT|AWS)_|^(GITHUB_TOKEN|GH_TOKEN)$/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !hidden.test(name)));
}

/** What the inside says on standard error becomes lines of the log, warnings as such. */
function withLog(host: Host, directory: string): Host {
  const error = (text: string): void => {
    for (const line of text.split('\n').filter((one) => one.trim() !== '')) {
      const warning = /^warning: (.*)$/.exec(line)?.[1];
      if (warning === undefined) core.info(line);
      else core.warning(warning);
    }
  };
  const { columns, out } = host.terminal;
  return { ...host, directory, terminal: { isTty: false, columns, colour: false, out, error } };
}

/** Names of the secrets that the run gets; all that are here are masked in the log first. */
function handOn(
  names: readonly string[],
  { trust, host }: { readonly trust: Trust; readonly host: Host },
): readonly string[] {
  for (const name of [...names, 'GITHUB_TOKEN', 'GH_TOKEN']) {
    const value = host.environment[name];
    if (value) core.setSecret(value);
  }
  if (!trust.secrets) return [];
  const missing = names.filter((name) => !host.environment[name]);
  if (missing.length > 0)
    core.warning(`not in the environment of this step, or empty: ${missing.join(', ')}; give it by env`);
  return names.filter((name) => !missing.includes(name));
}

function withTrust(world: World, trust: Trust): World['ports'] {
  const { ports } = world;
  const advice = (name: string): string =>
    trust.secrets
      ? `the secret ${name} is not there: add it to env of this step, and its name to the input secrets`
      : `the secret ${name} is not there: ${trust.why ?? 'this run gets none'}`;
  return { ...ports, secrets: { ...ports.secrets, advice } };
}

function annotate(diagnostics: readonly Diagnostic[], filePath: (path: string) => string): void {
  for (const one of diagnostics) {
    const place =
      one.span === null ? null : { ...one.span, file: { ...one.span.file, path: filePath(one.span.file.path) } };
    process.stdout.write(renderGithub({ ...one, span: place }));
  }
}

function setOutputs(summary: Summary, website: string): void {
  const { skipped, total, savedMs, outcome } = summary;
  core.setOutput('skipped', skipped);
  core.setOutput('ran', total - skipped);
  core.setOutput('saved-seconds', Math.round(savedMs / 1000));
  core.setOutput('cache-hit', outcome === 'passed' && total > 0 && skipped === total);
  core.setOutput('website-url', website);
}

function websiteOf(plan: Plan, { ports }: World): string {
  const layer = plan.layers.find((one) =>
    one.steps.some((step) => step.kind === 'expose' && step.protocol === 'website'),
  );
  if (!layer) return '';
  const host = ports.variables.value('EXPOSE_WEBSITE_HOST', {
    ...{ layer: layer.id, id: layer.id, copy: null, label: layer.path },
  });
  return host === null ? '' : `http://${host}`;
}

function linksOf(env: Host['environment'], filePath: (path: string) => string): SourceLinks | null {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_SHA: commit } = env;
  if (!server || !repository || !commit) return null;
  return { blob: `${server}/${repository}/blob/${commit}`, filePath };
}

async function writeSummary(text: string, host: Host): Promise<void> {
  if (!host.environment['GITHUB_STEP_SUMMARY']) return;
  try {
    await core.summary.addRaw(text).write();
  } catch (error) {
    core.warning(`the job summary cannot be written: ${(error as Error).message}`);
  }
}

function fail(message: string, code: ExitCode): ExitCode {
  core.error(message);
  return code;
}
