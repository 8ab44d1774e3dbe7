import type { Layer, LayerId, Plan, Step } from '../../src/ir/ir.ts';
import { runnersOf } from '../../src/ir/runners.ts';
import { staticText } from '../../src/ir/expand.ts';
import { machineOf, type RunsOn, type System } from './machine.ts';

/**
 * How a child job comes to its parents' state: their steps run in it too; a job of their own hands the files over; or the job starts from an image
 * of the parents that an earlier run has made, where there is one.
 */
export type Inheritance = 'inline' | 'artifact' | 'image';

/** What decides which jobs there are, and where they run. */
export interface JobOptions {
  readonly inherit: Inheritance;
  readonly os: System;
}

/** A Layerfile that gets a job of its own. */
export interface PlannedJob {
  /** A job id: unique whatever the case, `[A-Za-z_][A-Za-z0-9_-]*`. With a BUTTON, the first of several. */
  readonly id: string;
  readonly layer: Layer;
  /** All that the layer is built from, parents first, itself last. */
  readonly chain: readonly Layer[];
  /** The end of the chain that this job runs itself. */
  readonly own: readonly Layer[];
  /** The job that hands over what stands above `own`; null where the job starts from the base machine. */
  readonly from: PlannedJob | null;
  /** Whether other jobs go on from what it leaves. */
  readonly handsOver: boolean;
  /** The job whose image this one starts from, where there is one; null where it always starts from the base machine. */
  readonly imaged: PlannedJob | null;
  readonly machine: RunsOn | null;
  /** The ids of its runners: several where a SPLIT makes copies. */
  readonly runners: readonly string[];
  readonly split: boolean;
  readonly memoryBytes: number | null;
  /** The Layerfiles that anything in `own` waits for. */
  readonly waits: readonly LayerId[];
}

/** The Layerfiles that become jobs, parents first: leaves, and those that are waited for, labelled or expose something; the others are inlined. */
export function planJobs(plan: Plan, { inherit, os }: JobOptions): readonly PlannedJob[] {
  const parents = new Set(plan.layers.flatMap((layer) => (layer.base.kind === 'layer' ? [layer.base.id] : [])));
  const awaited = new Set(plan.layers.flatMap(waitsOf));
  const chains = chainsOf(plan);
  const ends = plan.layers.filter((layer) => {
    const labelled = layer.labels.displayName !== null || layer.labels.status !== null;
    const exposes = layer.steps.some((step) => step.kind === 'expose');
    return layer.own && (!parents.has(layer.id) || awaited.has(layer.id) || labelled || exposes);
  });
  const shared = inherit === 'inline' ? new Set<LayerId>() : sharedParents(ends, { chains, inherit });
  const wanted = new Set([...ends.map((layer) => layer.id), ...shared]);
  const runners = Map.groupBy(runnersOf(plan), (runner) => runner.layer);
  const taken = new Set<string>();
  const planned = new Map<LayerId, PlannedJob>();
  for (const layer of plan.layers) {
    if (!wanted.has(layer.id)) continue;
    const chain = chains.get(layer.id) ?? [layer];
    const at = chain.findLastIndex((one) => one !== layer && shared.has(one.id));
    const above = planned.get(chain[at]?.id ?? layer.id) ?? null;
    const asks = chain.some((one) => one.steps.some((step) => step.kind === 'button'));
    const imaged = inherit === 'image' && !asks ? above : null;
    const from = inherit === 'image' ? null : above;
    const own = from === null ? chain : chain.slice(at + 1);
    const boxed = imaged !== null || (inherit === 'image' && shared.has(layer.id));
    const memory = chain.flatMap((one) => one.memoryBytes ?? []);
    planned.set(layer.id, {
      id: freshId(layer.id, taken),
      layer,
      chain,
      own,
      from,
      handsOver: shared.has(layer.id),
      imaged,
      machine: machineOf(chain, boxed ? 'container' : os),
      runners: runners.get(layer.id)?.map((runner) => runner.id) ?? [layer.id],
      split: chain.some((one) => one.steps.some((step) => step.kind === 'split')),
      memoryBytes: memory.length === 0 ? null : Math.max(...memory),
      waits: [...new Set(own.flatMap(waitsOf))],
    });
  }
  return [...planned.values()];
}

/** Parents that run something, that several jobs are built from, and whose files are all that counts of them. */
function sharedParents(
  ends: readonly Layer[],
  { chains, inherit }: { readonly chains: ReadonlyMap<LayerId, readonly Layer[]>; readonly inherit: Inheritance },
): ReadonlySet<LayerId> {
  const byThemselves = new Set(ends.map(({ id }) => id));
  const children = new Map<LayerId, number>();
  const all = ends.flatMap((end) => (chains.get(end.id) ?? []).slice(0, -1));
  for (const parent of all) children.set(parent.id, (children.get(parent.id) ?? 0) + 1);
  const shareable = all.filter((parent) => {
    const steps = (chains.get(parent.id) ?? []).flatMap((layer) => layer.steps);
    const runs = parent.steps.some((step) => step.kind === 'run');
    if (!runs || !parent.own || (children.get(parent.id) ?? 0) < 2 || steps.some(keepsMoreThanFiles)) return false;
    return inherit !== 'image' || (!byThemselves.has(parent.id) && !steps.some(staysOutOfImages));
  });
  return new Set(shareable.map((parent) => parent.id));
}

function keepsMoreThanFiles(step: Step): boolean {
  return step.kind === 'button' || step.kind === 'expose' || (step.kind === 'run' && step.mode === 'background');
}

/** What no registry is to hold, what may be another thing in every run, and what names files only when it runs. */
function staysOutOfImages(step: Step): boolean {
  if (step.kind === 'copy') return step.sources.some(({ path }) => staticText(path) === null);
  return ['secretEnv', 'awsLink', 'clone', 'split', 'wait'].includes(step.kind);
}

/** All chains of a plan, parents first. */
export function chainsOf(plan: Plan): ReadonlyMap<LayerId, readonly Layer[]> {
  const chains = new Map<LayerId, readonly Layer[]>();
  for (const layer of plan.layers) {
    const above = layer.base.kind === 'layer' ? (chains.get(layer.base.id) ?? []) : [];
    chains.set(layer.id, [...above, layer]);
  }
  return chains;
}

function waitsOf(layer: Layer): readonly LayerId[] {
  return layer.steps.flatMap((step) => (step.kind === 'wait' ? step.layers.map(({ id }) => id) : []));
}

/** A name as GitHub takes it for a job or step, not yet taken. */
export function freshId(name: string, taken: Set<string>): string {
  const cleaned = name
    .replace(/[^A-Za-z0-9_-]/g, '-')
    .replace(/^(?![A-Za-z_])/, '_')
    .slice(0, 90);
  let id = cleaned;
  for (let number = 2; taken.has(id.toLowerCase()); number++) id = `${cleaned}-${number}`;
  taken.add(id.toLowerCase());
  return id;
}
