import type { LayerId } from '../ir/ir.ts';
import type { Chain, ChainStep } from './chain.ts';
import type { Event, RunnerName } from './events.ts';
import type { KeyPart } from './key.ts';
import type { FrozenInputs, LiveTrees, RunPorts, Trees } from './ports.ts';
import type { Sharing } from './sharing.ts';
import type { InstanceId } from './store.ts';

/** Whether a runner may only look (nothing stands still, nothing runs) or does all there is to do. */
export type Mode =
  { readonly kind: 'look'; readonly trees: LiveTrees } | { readonly kind: 'work'; readonly inputs: FrozenInputs };

/** A place among the machines that may be up at the same time. */
export interface Slots {
  /** Resolves to what gives the place back; rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<() => void>;
}

/** What forces steps to run although they could be skipped. */
export interface Forced {
  /** Index in the chain from which on everything runs; Infinity for none. */
  readonly from: number;
  /** How the reason is called: `--no-cache`. */
  readonly reason: string;
}

/** What a chain starts from, and what made it so. */
export interface Root {
  readonly id: InstanceId;
  readonly parts: readonly KeyPart[];
}

/** Everything one runner works with. */
export interface RunContext {
  readonly ports: RunPorts;
  readonly runner: RunnerName;
  readonly chain: Chain;
  /** What the chain starts from; null while it is not known. */
  readonly root: Root | null;
  readonly mode: Mode;
  readonly trees: Trees;
  readonly forced: Forced;
  readonly slots: Slots;
  readonly sharing: Sharing;
  readonly signal: AbortSignal;
  readonly emit: (event: Event) => void;
  /** Which copy of its chain's SPLIT it is, from 0; null where the chain has none. */
  readonly copy: number | null;
  /** Random, this run's own. */
  readonly run: string;
  /** When the run began, nanoseconds since 1970: the mtime of files that are new. */
  readonly startNs: bigint;
  /** Resolves when these have succeeded; a reason where one has not. */
  awaited(layers: readonly LayerId[]): Promise<string | null>;
  /** Resolves once a clone's tree is known in `trees`; the same commit throughout a run. */
  clone(source: {
    readonly url: string;
    readonly defaultBranch: string | null;
  }): Promise<{ readonly tree: string } | { readonly failure: string }>;
  /** Whether this BUTTON (of this step, at this state) has been pressed in this run; asks where not. */
  press(step: ChainStep): Promise<'pressed' | 'nobody'>;
  /** Whether it has been pressed already: then going over it again asks nobody. */
  readonly pressed: ReadonlySet<number>;
}
