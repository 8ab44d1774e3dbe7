import type { LayerId, Plan } from '../ir/ir.ts';
import { closure, type Chain } from './chain.ts';
import type { Forced } from './context.ts';
import { maskedEvents } from './masked-events.ts';
import { missingSecrets } from './missing-secrets.ts';
import type { Event, Listener, RunOutcome } from './events.ts';
import type { RunPorts } from './ports.ts';
import { schedule, type Finished } from './schedule.ts';
import { serveAll } from './serve.ts';
import { createSlots } from './slots.ts';

/** What `layer run` is asked to do. */
export interface RunRequest {
  readonly plan: Plan;
  readonly wanted: readonly LayerId[];
  readonly ports: RunPorts;
  /** Machines at the same time. */
  readonly jobs: number;
  /** One that fails stops only those that need it. */
  readonly keepGoing: boolean;
  /** From which step of a chain on everything runs although it could be skipped. */
  readonly forced: (chain: Chain) => Forced;
  readonly listener: Listener;
  /** A person stops the run. */
  readonly signal: AbortSignal;
}

/** Runs a Plan: first only looks whether anything has to run; if so, makes the input stand still and goes to work. */
export async function run(request: RunRequest): Promise<RunOutcome> {
  const { plan, ports, signal } = request;
  const listener = maskedEvents(request.listener, ports.secrets);
  const began = ports.clock.now();
  const layers = closure(plan, request.wanted);
  const common = { plan, layers, ports, keepGoing: request.keepGoing, forced: request.forced, signal };
  const startNs = BigInt(began) * 1_000_000n;
  const end = (outcome: RunOutcome): RunOutcome => {
    listener({ kind: 'runEnded', outcome, durationMs: ports.clock.now() - began });
    return outcome;
  };
  listener({ kind: 'runStarted', layers: layers.map((layer) => layer.id), jobs: request.jobs });

  const seen: Event[] = [];
  const looked = await schedule({
    ...common,
    mode: { kind: 'look', trees: ports.inputs },
    slots: createSlots(Infinity),
    emit: (event) => seen.push(event),
    startNs,
  });
  ports.inputs.remember();
  if (looked.every((one) => one.end.kind === 'done') && ports.expose.serve === null) {
    for (const event of inOrder(seen)) listener(event);
    return end('passed');
  }
  if (signal.aborted) return end('interrupted');

  const broken = (...why: readonly string[]): RunOutcome => {
    for (const message of why) listener({ kind: 'note', runner: null, level: 'error', message });
    return end(signal.aborted ? 'interrupted' : 'broken');
  };
  // Before anything is made or booted, and all at once: whoever has to fetch them goes once.
  const missing = missingSecrets(looked.filter((one) => one.end.kind !== 'done').map((one) => one.context));
  if (missing.length > 0) return broken(...missing);
  const unavailable = await ports.driver.unavailable();
  if (unavailable !== null) return broken(`this host cannot run machines: ${unavailable}`);
  const inputs = await ports.inputs.freeze(signal);
  if ('failure' in inputs) return broken(inputs.failure);
  const finished = await schedule({
    ...common,
    mode: { kind: 'work', inputs },
    slots: createSlots(request.jobs),
    emit: listener,
    startNs,
  });
  await ports.store.sync();
  const outcome = outcomeOf(finished, signal);
  if (outcome === 'passed' && ports.expose.serve !== null) await serveAll(finished);
  await ports.store.collect();
  const room = signal.aborted ? null : await ports.makeRoom();
  if (room !== null) listener({ kind: 'note', runner: null, level: 'info', message: room });
  return end(outcome);
}

/** What was seen at the same time, told one runner after another: the same words whoever was first. */
function inOrder(events: readonly Event[]): readonly Event[] {
  const started = events.flatMap((one) => (one.kind === 'runnerStarted' ? [one.runner.id] : []));
  const place = (event: Event): number => {
    if ('step' in event) return started.indexOf(event.step.runner.id);
    return 'runner' in event && event.runner !== null ? started.indexOf(event.runner.id) : -1;
  };
  return events.toSorted((a, b) => place(a) - place(b));
}

function outcomeOf(finished: readonly Finished[], signal: AbortSignal): RunOutcome {
  const has = (kind: Finished['end']['kind']): boolean => finished.some((one) => one.end.kind === kind);
  if (signal.aborted) return 'interrupted';
  if (has('broken')) return 'broken';
  if (has('failed')) return 'failed';
  return has('waiting') ? 'waiting' : has('cancelled') ? 'failed' : 'passed';
}

/** What forces nothing. */
export const nothingForced: Forced = { from: Infinity, reason: '' };
