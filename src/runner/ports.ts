import type { Duplex } from 'node:stream';
import type { Clock } from '../host.ts';
import type { Chain } from './chain.ts';
import type { BaseMachine, Driver } from './driver.ts';
import type { RunnerName } from './events.ts';
import type { FailedStep } from './history.ts';
import type { MtimeTable, TraceStore } from './store.ts';
import type { RepoTree } from './view/tree.ts';

/** What a run needs of the world; the composition root brings it. */
export interface RunPorts {
  readonly driver: Driver;
  /** What runs the machines of a chain, where that is not `driver` for all. */
  readonly driverFor: ((chain: Chain) => Driver) | null;
  readonly store: TraceStore;
  readonly clock: Clock;
  readonly bases: Bases;
  readonly inputs: Inputs;
  readonly variables: Variables;
  readonly secrets: Secrets;
  readonly press: Press;
  readonly expose: ExposePort;
  /** Two projects with equal Layerfiles share nothing: normalised origin, root commit or the repository's real path. */
  readonly repository: string;
  /** As `process.arch` names it. */
  readonly architecture: string;
  readonly network: 'outward' | 'none';
  /** Where CACHE volumes are written, and from where they are read, the first that has one; asked only where there is a CACHE. */
  readonly scope: { readonly own: string; readable(): Promise<readonly string[]> };
  /** Steps that failed in the last run. */
  readonly failedBefore: readonly Pick<FailedStep, 'file' | 'title'>[];
  /** The host's memory: MEMORY beyond it is capped. */
  readonly hostMemoryBytes: number;
  /** After the work: keeps the store within its limit; what was done, for a person, or null. */
  makeRoom(): Promise<string | null>;
}

/** Base machines by name. */
export interface Bases {
  /** The digest a name stands for in this store, without building anything; null where it must be resolved first. */
  digest(machine: Chain['machine']): Promise<string | null>;
  /** The machine itself, built or fetched where needed; a reason where it cannot be had. */
  provide(
    machine: Chain['machine'],
    options: { readonly progress: (message: string) => void; readonly signal: AbortSignal },
  ): Promise<BaseMachine | { readonly failure: string }>;
}

/** Names of trees: `repository`, `vendored:<root>`, `clone:…`. */
export interface Trees {
  /** Known trees only. */
  tree(name: string): RepoTree;
}

/** What the check of an instance came to: how many observations held, or the first that did not. */
export type Verdict =
  { readonly holds: true; readonly reads: number } | { readonly holds: false; readonly reason: string };

/**
 * What checks came to when the trees were just as they are now. A check is a function of an instance, which never changes, and of the trees: while
 * those are the same, so is the verdict.
 */
export interface Verdicts {
  /** Null where it is not known. */
  find(subject: string): Verdict | null;
  add(subject: string, verdict: Verdict): void;
}

/** Trees as they are now. */
export interface LiveTrees extends Trees {
  /** On the tree `repository` and those of CLONEs, whose names say what they hold. */
  readonly verdicts: Verdicts;
}

/** The working tree as it is now, and a way to make it stand still. */
export interface Inputs extends LiveTrees {
  /** Keeps what was seen of the live trees, and the verdicts on it, for the next run. */
  remember(): void;
  /** An immutable copy of the trees; the live ones are not looked at after it. Clones may be added to it later. */
  freeze(signal: AbortSignal): Promise<FrozenInputs | { readonly failure: string }>;
  /** The commit a CLONE stands for in this run, fetched; its tree is then known by this name, here and in what is frozen from it. */
  clone(
    source: { readonly url: string; readonly defaultBranch: string | null },
    signal: AbortSignal,
  ): Promise<{ readonly tree: string; readonly warning: string | null } | { readonly failure: string }>;
}

export interface FrozenInputs extends Trees {
  /**
   * Paths of manifest files by tree name, for machines. In persistent mode files show mtimes: the newest they had in any of `before` with the same content,
   * else `startNs`; `mtimes` is the table that goes into this machine's snapshots.
   */
  manifests(
    mtime: 'plain' | { readonly before: readonly MtimeTable[]; readonly startNs: bigint },
  ): Promise<{ readonly files: Readonly<Record<string, string>>; readonly mtimes: MtimeTable | null }>;
}

/** Predefined variables. */
export interface Variables {
  /** Null where it is not set. `runner` decides RUNNER_ID and the like. */
  value(name: string, runner: RunnerName): string | null;
  /** All that are set. */
  all(runner: RunnerName): Readonly<Record<string, string>>;
}

export interface Secrets {
  /** Null where nobody gave it. */
  value(name: string): string | null;
  /** A predefined secret, which may be missing. */
  optional(name: string): boolean;
  /** AWS link: the region and the host's credentials as variables; a reason where there are none. */
  aws(region: string): Promise<{ readonly variables: Readonly<Record<string, string>> } | { readonly failure: string }>;
  /** A filter that hides the secrets in a stream. */
  masker(): Masker;
  /** How to give a missing one. */
  advice(name: string): string;
}

export interface Masker {
  /** What can be shown already; may hold back the beginning of a secret. */
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

/** Somebody who may press a BUTTON. */
export interface Press {
  /** `pressed`, or `nobody` where no one can be asked here. */
  ask(message: string, signal: AbortSignal): Promise<'pressed' | 'nobody'>;
}

/** One EXPOSE with its arguments expanded. */
export type Exposed =
  | {
      readonly protocol: 'website';
      readonly scheme: 'http' | 'https';
      readonly port: number;
      readonly path: string;
      readonly rewrite: string | null;
    }
  | { readonly protocol: 'tcp'; readonly outside: number; readonly inside: number };

export interface ExposePort {
  /** Waits until the port answers; a reason where it does not within two minutes. */
  ready(exposed: Exposed, connect: (port: number) => Promise<Duplex>, signal: AbortSignal): Promise<string | null>;
  /** Serves all of a runner's EXPOSEs until the signal; null where this run does not serve. */
  readonly serve:
    | ((
        runner: RunnerName,
        exposed: readonly Exposed[],
        options: {
          readonly connect: (port: number) => Promise<Duplex>;
          readonly listening: (address: string) => void;
          readonly signal: AbortSignal;
        },
      ) => Promise<void>)
    | null;
}

/** What a run needs of the world, as a chain has it. */
export function portsFor(ports: RunPorts, chain: Chain): RunPorts {
  return { ...ports, driver: ports.driverFor?.(chain) ?? ports.driver };
}
