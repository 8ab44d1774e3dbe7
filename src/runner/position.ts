import type { MachineState } from './state.ts';
import { initialState } from './state.ts';
import type { InstanceId, SnapshotData } from './store.ts';
import type { View } from './view/view.ts';

/** Which copy of a SPLIT this is. */
export interface SplitCopy {
  /** From 0, as SPLIT tells the machine. */
  readonly index: number;
  readonly count: number;
  /** The machine is not told its number. */
  readonly unordered: boolean;
}

/** How far a chain has come: what holds before the step `next`. */
export interface Position {
  readonly next: number;
  readonly instance: InstanceId;
  readonly state: MachineState;
  /** What COPY and CLONE put in so far, on this run's trees; the index is the ordinal. */
  readonly views: readonly View[];
  readonly buildEnv: readonly string[];
  readonly secretEnv: readonly string[];
  /** Regions of AWS link. */
  readonly aws: string | null;
  readonly split: SplitCopy | null;
  /** What a machine is restored from here; null where nothing was kept. */
  readonly data: SnapshotData | null;
  /** Why not. */
  readonly notKept: string | null;
  /** The step whose instance this is was found, not run, in this run. */
  readonly found: boolean;
}

/** Before the first step, on the bare base machine. */
export function startPosition(root: InstanceId): Position {
  return {
    next: 0,
    instance: root,
    state: initialState,
    views: [],
    buildEnv: [],
    secretEnv: [],
    aws: null,
    split: null,
    data: { stack: [], mtimes: null },
    notKept: null,
    found: true,
  };
}
