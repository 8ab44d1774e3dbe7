import type { GuestPath } from '../host.ts';
import type { RunContext } from './context.ts';
import type { Machine } from './driver.ts';
import type { KeyedStep } from './lookup.ts';
import type { Position } from './position.ts';
import type { Instance, Pruning, SnapshotData } from './store.ts';
import { fingerprint } from './view/fingerprint.ts';
import { openView } from './view/open.ts';
import { tableTree } from './view/table-tree.ts';
import type { Observation, View } from './view/view.ts';

/** More layers than this are not carried on: the step runs once from the state before it, and starts anew. */
const mostLayers = 40;

/** An earlier result of RUN REPEATABLE, made from the very same state before it, to start from. */
export interface StartState {
  readonly instance: Instance;
  readonly data: SnapshotData;
  /** What the step itself had written, from the bottom up. */
  readonly layers: readonly string[];
}

/** The newest result that a RUN REPEATABLE at this position can start from; null where it is a plain run. */
export async function startStateOf(
  keyed: KeyedStep,
  position: Position,
  context: RunContext,
): Promise<StartState | null> {
  if (keyed.instruction.kind !== 'run' || keyed.instruction.mode !== 'repeatable' || position.data === null)
    return null;
  // What a step wrote cannot be told apart in a machine that was kept with its memory: there it is a plain run.
  if (context.ports.driver.can.saveMemory) return null;
  const below = position.data.stack.length;
  for (const instance of await context.ports.store.candidates(keyed.key)) {
    const { data } = instance;
    if (data === null || data.mtimes === null) continue;
    const layers = data.stack.slice(below).flatMap((entry) => (entry.kind === 'layer' ? [entry.directory] : []));
    if ((await context.ports.store.load(data, context.signal)) !== null) continue;
    if (layers.length <= mostLayers) return { instance, data, layers };
  }
  return null;
}

/** Lays what the earlier result had written over the state before it, but for everything at a path that this repository holds now or held then. */
export async function continueFrom(
  start: StartState,
  {
    position,
    machine,
    context,
  }: { readonly position: Position; readonly machine: Machine; readonly context: RunContext },
): Promise<void> {
  const prune = pruning([...position.views, ...viewsThen(start, position.views)]);
  for (const layer of start.layers) {
    const copy = await context.ports.store.copyLayer(layer, prune);
    await machine.addLayer(copy, '/' as GuestPath);
  }
}

function viewsThen({ data }: StartState, views: readonly View[]): readonly View[] {
  const specs = data.stack.flatMap((entry) => (entry.kind === 'view' ? [entry.view] : []));
  return specs.flatMap((spec) => {
    const table = data.mtimes?.[spec.tree];
    // Without a record of what it held, what it holds now must do: nothing else is known.
    return table === undefined ? (views[spec.ordinal] ?? []) : [openView(spec, tableTree(table))];
  });
}

function pruning(views: readonly View[]): Pruning {
  return (path, kind) => {
    const held = views.flatMap((view) => view.entry(path) ?? []);
    if (held.length === 0) return 'keep';
    return kind === 'directory' && held.every((entry) => entry.kind === 'directory') ? 'open' : 'drop';
  };
}

/** What a result observed that it has from its start state: the same facts, as they are now. */
export function inherited(start: StartState, views: readonly View[]): readonly Observation[] {
  return start.instance.observations.flatMap((one) => {
    const view = views[one.view];
    return view ? [{ ...one, fingerprint: fingerprint(view, one.path, one.kind) }] : [];
  });
}

/** Both, each fact once. */
export function union(own: readonly Observation[], more: readonly Observation[]): readonly Observation[] {
  const facts = new Map([...more, ...own].map((one) => [`${one.view}\0${one.kind}\0${one.path}`, one]));
  return [...facts.values()];
}
