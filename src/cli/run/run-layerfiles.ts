import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import type { RepoPath } from '../../host.ts';
import { run as runPlan } from '../../runner/run.ts';
import { exit, type ExitCode } from '../../exit.ts';
import type { RunRecord } from '../../runner/history.ts';
import { codeOfRun } from '../../world/exit-code.ts';
import { beginRun } from '../../world/begin.ts';
import { openRun } from '../../world/open.ts';
import { select } from '../../world/selection.ts';
import type { Context } from '../command.ts';
import { codeOf } from '../commands/check.ts';
import { terminalReport } from '../report.ts';
import { elevate, watchWhoElevated } from './elevate.ts';
import { compileFetched } from './fetched.ts';
import { forcing } from './force.ts';
import { takeNotes } from './notes.ts';
import type { RunOptions } from './options.ts';
import { pressProblems } from './press-problems.ts';
import { reporterFor } from './reporter.ts';

/** What is to be run. */
export interface WhatToRun {
  /** The command, for messages. */
  readonly name: string;
  readonly options: RunOptions;
  /** Layerfiles and directories as typed; none for all. */
  readonly operands: readonly string[];
  readonly context: Context;
  /** Only what did not succeed in the last run, or in the last try of a job; null for all. */
  readonly again: { readonly job: number | null } | null;
}

/** Runs Layerfiles as a person asked, shows it, and notes how it ended. */
export async function runLayerfiles(given: WhatToRun): Promise<ExitCode> {
  const { name, options, operands, context, again } = given;
  const { terminal } = context.host;
  const wrong = (problem: string): ExitCode => {
    terminal.error(`layer ${name}: ${problem}\n`);
    return exit.usage;
  };
  const selection = select(operands, context.host);
  if ('problem' in selection) return wrong(selection.problem);
  const set = options.env.map((one) => one.split('=')[0] ?? '');
  const cannot = (failure: string): ExitCode => {
    terminal.error(`layer ${name}: ${failure}\n`);
    return exit.hostFailed;
  };
  // Meanwhile: what takes another program, or another thread.
  const begun = isRoot() ? beginRun({ store: options.store, root: selection.repository.root, ...context }) : null;
  const compiled = await compileFetched(begun?.knowing(selection.repository) ?? selection.repository, {
    compile: { ...selection, given: set },
    offline: options.offline,
    env: context.host.environment,
    tell: (message) => terminal.error(`${message}\n`),
    signal: context.signal,
  });
  if ('failure' in compiled) return cannot(compiled.failure);
  const { plan, diagnostics } = compiled;
  if (plan === null) {
    terminal.error(await terminalReport(diagnostics, terminal, selection.showPath));
    return codeOf(diagnostics);
  }
  const inside = relative(selection.repository.root, context.host.directory);
  const here = (inside.startsWith('..') ? '' : inside) as RepoPath;
  const forced = forcing(plan, { noCache: options['no-cache'], rerunFrom: options['rerun-from'], here });
  if ('problem' in forced) return wrong(forced.problem);
  const elevated = await elevate(context.host.environment);
  if (typeof elevated === 'number') return elevated as ExitCode;
  if (elevated !== null) return cannot(`this host cannot run machines: ${elevated.failure}`);
  watchWhoElevated(context.host.environment, () => process.kill(process.pid, 'SIGTERM'));
  const warnings = diagnostics.filter((one) => one.severity === 'warning');
  terminal.error(await terminalReport(warnings, terminal, selection.showPath));
  const reporter = await reporterFor(options.json ? 'json' : options.progress, context.host);
  const opened = await openRun({
    options,
    plan,
    root: selection.repository.root,
    ...(begun === null ? {} : { begun }),
    job: again === null ? 'new' : { retry: again.job },
    context,
    listener: reporter.listen,
  });
  if ('problem' in opened) return wrong(opened.problem);
  if ('failure' in opened) return cannot(opened.failure);
  await using world = opened;
  for (const warning of world.warnings) terminal.error(`warning: ${warning}\n`);
  const own = plan.layers.filter((layer) => layer.own);
  const wanted = again === null ? own : own.filter((layer) => world.previous?.unfinished.includes(layer.path));
  if (again !== null && wanted.length === 0) {
    terminal.error(`layer ${name}: ${nothingToRetry(world.previous, again)}\n`);
    reporter.close();
    return world.previous === null && again.job !== null ? exit.usage : exit.done;
  }
  for (const problem of pressProblems(plan, wanted, options.press)) terminal.error(`warning: ${problem}\n`);
  const notes = takeNotes();
  try {
    const outcome = await runPlan({
      plan,
      wanted: wanted.map((layer) => layer.id),
      ports: world.ports,
      jobs: options.jobs ?? availableParallelism(),
      keepGoing: options['keep-going'],
      forced: forced.forced,
      listener: (event) => {
        notes.listen(event);
        reporter.listen(event);
      },
      signal: context.signal,
    });
    await world.store.recordRun({
      ...{ ...world.job, endedAt: context.host.clock.now(), outcome },
      ...notes.record(wanted, outcome),
    });
    if (outcome === 'passed') await begun?.remember();
    return codeOfRun(outcome);
  } finally {
    reporter.close();
  }
}

/** Who is not is started again as root, and begins then. */
function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function nothingToRetry(previous: RunRecord | null, { job }: { readonly job: number | null }): string {
  if (previous !== null) return `run ${previous.job} ended well: there is nothing to try again`;
  return job === null ? 'nothing has been run here yet; begin with: layer run' : `run ${job} is not known here`;
}
