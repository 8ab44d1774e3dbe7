import * as core from '@actions/core';
import { exit } from '../exit.ts';
import { nodeHost } from '../node-host.ts';
import { storeDirectory } from '../world/store-directory.ts';
import { sendWaiting } from '../world/waiting.ts';
import { runElevated } from './elevate.ts';
import { readEvent } from './event.ts';
import { readInputs } from './inputs.ts';
import { endWith, interruption } from './process.ts';
import { sendingMs, sentState, sentText } from './sent.ts';
import { sharingOf } from './sharing.ts';
import { trustOf } from './trust.ts';
import { workspaceOf } from './workspace.ts';

/** Ends the job: what a run that was cancelled or killed had finished until then is sent now. It fails no job. */
async function post(): Promise<number> {
  if (core.getState(sentState) === 'yes') return exit.done;
  const elevated = await runElevated();
  if (elevated !== null) return exit.done;
  const inputs = readInputs();
  const host = nodeHost();
  const trust = trustOf(readEvent(host.environment));
  if ('problems' in inputs || trust.writes === null) return exit.done;
  const { directory } = workspaceOf(host, inputs);
  const sent = await sendWaiting({
    host,
    root: host.repository(directory).root,
    directory: storeDirectory(null, { ...host, directory }),
    sharing: sharingOf({ inputs, trust, environment: host.environment }),
    warn: (message) => core.warning(message),
    signal: AbortSignal.any([interruption(), AbortSignal.timeout(sendingMs)]),
  });
  if (sent !== null && 'failure' in sent) core.warning(`nothing was sent: ${sent.failure}`);
  else for (const line of sentText(sent)) core.info(line);
  return exit.done;
}

endWith(post);
