import * as core from '@actions/core';
import { exit } from '../exit.ts';
import { nodeHost } from '../node-host.ts';
import { runElevated } from './elevate.ts';
import { readEvent } from './event.ts';
import { readInputs } from './inputs.ts';
import { runJob } from './job.ts';
import { endWith, interruption } from './process.ts';
import { trustOf } from './trust.ts';

/** The action's composition root. */
async function main(): Promise<number> {
  const elevated = await runElevated();
  if (elevated !== null) return elevated;
  const signal = interruption();
  const inputs = readInputs();
  if ('problems' in inputs) {
    for (const problem of inputs.problems) core.error(problem);
    return exit.usage;
  }
  const host = nodeHost();
  const trust = trustOf(readEvent(host.environment));
  if (trust.why !== null) core.info(trust.why);
  return runJob({ inputs, trust, host, signal });
}

endWith(main);
