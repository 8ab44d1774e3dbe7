import type { Plan } from '../../../src/ir/ir.ts';
import { chainOf } from '../../../src/ir/walk.ts';
import type { JobResult } from '../../support/workflow-executor/job.ts';

/** A line of `layer run --json`, as far as it is looked at. */
export interface NativeEvent {
  readonly kind: string;
  readonly step?: { readonly runner: string; readonly title: string };
  readonly text?: string;
  readonly runner?: { readonly id: string };
  readonly outcome?: unknown;
}

export type Printed = Readonly<Record<string, readonly string[]>>;

/** How each runner ended: `succeeded`, `failed`, `cancelled` …, by its id. */
export function outcomesOf(events: readonly NativeEvent[]): Readonly<Record<string, string>> {
  const ended = events.filter((event) => event.kind === 'runnerEnded');
  return Object.fromEntries(ended.map(({ runner, outcome }) => [runner?.id, (outcome as { kind: string }).kind]));
}

/** What a runner's steps printed, by title, those of its parents and those before a SPLIT included. */
export function nativelyPrinted(events: readonly NativeEvent[], runnerId: string, plan: Plan): Printed {
  const layer = plan.layers.find((one) => runnerId === one.id || runnerId.replace(/-\d+$/, '') === one.id);
  const chain = layer === undefined ? [] : chainOf(plan, layer.id);
  const printed: Record<string, readonly string[]> = {};
  for (const one of chain) {
    const above = one.steps.findIndex((step) => step.kind === 'split');
    for (const [index, { title }] of one.steps.entries()) {
      const runners = one !== layer || index < above ? [runnerId, one.id] : [runnerId];
      for (const id of runners) {
        const text = events
          .filter((event) => event.kind === 'stepOutput' && event.step?.runner === id && event.step.title === title)
          .map((event) => event.text)
          .join('');
        if (text !== '') printed[title] = linesOf(text);
      }
    }
  }
  return printed;
}

/** What the RUNs and ENVs of a job printed, by the name of their step. */
export function printedBy(job: JobResult): Printed {
  const printed: Record<string, string[]> = {};
  for (const { step, text, own } of job.lines) {
    if (own && !text.startsWith('layer: ENV:')) (printed[step.replace(/^end of /, '')] ??= []).push(masked(text));
  }
  return printed;
}

function linesOf(text: string): readonly string[] {
  return text.replace(/\n$/, '').split('\n').map(masked);
}

/** How much of a secret's last base64 characters is hidden is left to each: what follows the secret is in them. */
function masked(line: string): string {
  return line.replace(/\*\*\*[A-Za-z0-9+/=]{1,2}$/, '***');
}
