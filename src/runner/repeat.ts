import type { GuestPath } from '../host.ts';
import type { RunContext } from './context.ts';
import type { Machine, MachineSpec } from './driver.ts';
import type { KeyedStep } from './lookup.ts';
import type { Position } from './position.ts';
import type { MachineState } from './state.ts';
import type { Instance, Pruning, SnapshotData } from './store.ts';
import { fingerprint } from './view/fingerprint.ts';
import { openView } from './view/open.ts';
import { tableTree } from './view/table-tree.ts';
import type { Observation, View } from './view/view.ts';

/** More layers, or machines made one from another, are not carried on: the step runs once from the state before it, and starts anew. */
const mostLayers = 40;

/** An earlier result of RUN REPEATABLE, made from the very same state before it, to start from. */
export interface StartState {
  readonly instance: Instance;
  readonly data: SnapshotData;
  /** What the step itself had written, from the bottom up; where `again` is null. */
  readonly layers: readonly string[];
  /** The machine is booted on `data`, and goes on from there; null where it is booted on the state before the step, and gets `layers`. */
  readonly again: NonNullable<MachineSpec['again']> | null;
}

/** The newest result that a RUN REPEATABLE at this position can start from; null where it is a plain run. */
export async function startStateOf(
  keyed: KeyedStep,
  position: Position,
  context: RunContext,
): Promise<StartState | null> {
  if (keyed.instruction.kind !== 'run' || keyed.instruction.mode !== 'repeatable' || position.data === null)
    return null;
  const { driver, store } = context.ports;
  const below = position.data.stack.length;
  for (const instance of await store.candidates(keyed.key)) {
    const { data } = instance;
    if (data === null || data.mtimes === null) continue;
    const above = data.stack.slice(below);
    const layers = above.flatMap((entry) => (entry.kind === 'layer' ? [entry.directory] : []));
    if ((await store.load(data, context.signal)) !== null) continue;
    if (above.length > mostLayers) continue;
    if (!driver.can.saveMemory) return { instance, data, layers, again: null };
    // What had ended meanwhile is up in a plain run.
    const up = (state: MachineState): string =>
      String(state.background.flatMap(({ step, ended }) => (ended ? [] : [step])));
    if (up(instance.state) !== up(position.state)) {
      startsAnew('what RUN BACKGROUND had started had ended in it', context);
      return null;
    }
    const prune = pruning([...position.views, ...viewsThen(data, position.views)]);
    return { instance, data, layers: [], again: { prune } };
  }
  return null;
}

/** Says why an earlier result is not gone on from. */
export function startsAnew(why: string, { emit, runner }: RunContext): void {
  emit({
    kind: 'note',
    runner,
    level: 'info',
    message: `RUN REPEATABLE starts anew, not from what it left the last time: ${why}`,
  });
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
  const prune = pruning([...position.views, ...viewsThen(start.data, position.views)]);
  for (const layer of start.layers) {
    const copy = await context.ports.store.copyLayer(layer, prune);
    await machine.addLayer(copy, '/' as GuestPath);
  }
}

function viewsThen(data: SnapshotData, views: readonly View[]): readonly View[] {
  const specs = data.stack.flatMap((entry) => (entry.kind === 'view' ? [entry.view] : []));
  return specs.flatMap((spec) => {
    const table = data.mtimes?.[spec.tree];
    // Without a record of what it held, what it holds now must do: nothing else is known.
    return table === undefined ? (views[spec.ordinal] ?? []) : [openView(spec, tableTree(table))];
  });
}

/** What becomes of an entry that an earlier result had written, by what views hold now and held then. */
export function pruning(views: readonly View[]): Pruning {
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
