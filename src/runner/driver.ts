import type { GuestPath } from '../host.ts';
import type { Pruning } from './store.ts';
import type { Observation, ViewSpec } from './view/view.ts';

/** Something that can run machines. Contract only; drivers are siblings and never import each other. */
export interface Driver {
  readonly name: string;
  /** Changes whenever older snapshots of this driver can no longer be restored; part of every key. */
  readonly format: string;
  readonly can: {
    /** Snapshots hold running processes: what RUN BACKGROUND started goes on in a restored machine, and is not started again. */
    readonly saveMemory: boolean;
    /** A snapshot can be taken, and the root replaced, while processes run. */
    readonly snapshotLive: boolean;
  };
  /** How much work since the last snapshot makes another worth what it costs; 0 where it costs next to nothing while no process runs. */
  readonly snapshotWorthMs: number;
  /** Why it cannot be used on this host, with the one line that mends it; null where it can. */
  unavailable(): Promise<string | null>;
  /**
   * Boots a machine on `spec.stack`: nothing of the host is visible in it but that stack, its views and its network. Rejects with `StateUnusable` where
   * the stack cannot be brought up here.
   */
  boot(spec: MachineSpec, signal: AbortSignal): Promise<Machine>;
}

/** A base machine on disk: a root file system, immutable. */
export interface BaseMachine {
  readonly name: string;
  /** `sha256:…` of its content. */
  readonly digest: string;
  /** Absolute path of the root file system's directory. */
  readonly root: string;
}

/** What lies over the base, from the bottom up. */
export type StackEntry =
  /**
   * A directory in overlay upper format: files, whiteouts, opaque marks. `at` roots it at a path of the machine (CACHE volumes), else `/`. `replaces`: the
   * directory that lay there when what is above it was made; what that changed or took away of it stays so.
   */
  | {
      readonly kind: 'layer';
      readonly directory: string;
      readonly at: GuestPath | null;
      readonly replaces?: { readonly directory: string; readonly at: GuestPath };
    }
  | { readonly kind: 'view'; readonly view: ViewSpec }
  /** What became of a machine with its memory since the entry of this kind before it, or since it was booted: an immutable directory. */
  | { readonly kind: 'machine'; readonly directory: string };

export interface MachineSpec {
  /** The host name inside; `[a-z0-9-]`, 63 at most. */
  readonly hostname: string;
  readonly base: BaseMachine;
  readonly stack: readonly StackEntry[];
  /** Frozen manifests by tree name, for the views. */
  readonly trees: Readonly<Record<string, string>>;
  readonly mtime: 'plain' | 'persistent';
  /**
   * In persistent mode the time that every directory of the repository is to show, seconds since 1970: later than whatever base, stack and volumes hold or
   * have shown. A driver that cannot promise it for all of them (also those in layers) leaves it, and a stat of one counts as its listing.
   */
  readonly directorySeconds?: number | null;
  readonly memoryBytes: number | null;
  readonly network: 'outward' | 'none';
  /**
   * The stack is what a step has left that now goes on from there, on other files (RUN REPEATABLE): what was written since `setApart` at paths of views is
   * taken back as `prune` says. Rejects with `StateUnusable` where that cannot be. Only where the driver has `setApart`.
   */
  readonly again?: { readonly prune: Pruning };
  /** How many machines this run begins from this very stack, where that is known: the copies of a SPLIT. */
  readonly forks?: number;
  /** An empty directory on the store's file system, the machine's own: uppers and scratch live there. */
  readonly directory: string;
}

/** What to run: always bash, started by the driver as `user` in `cwd` with exactly this environment. */
export interface Command {
  /** The script, given so that it shows in no argv of the host and may be of any length. */
  readonly script: string;
  /** The whole environment; secrets among it. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: string;
  readonly cwd: GuestPath;
}

/**
 * How a command ended. `out-of-memory`: it failed, and meanwhile the kernel killed a process of the machine for want of memory.
 * `lost`: the machine or its server died; whatever it did must not be stored.
 */
export type Exit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'out-of-memory'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'lost'; readonly why: string };

/** A person's end of a terminal. */
export interface TerminalLine {
  readonly columns: number;
  readonly rows: number;
  readonly output: (chunk: Uint8Array) => void;
  /** Called once it is up; what is called after it has ended does nothing. */
  readonly attached: (keyboard: { type(bytes: Uint8Array): void; resize(columns: number, rows: number): void }) => void;
}

/** A RUN BACKGROUND that is up. */
export interface BackgroundProcess {
  /** How it ended; never resolves while it runs. */
  readonly exit: Promise<Exit>;
  /** TCP ports its process tree listens on now. */
  ports(): Promise<readonly number[]>;
}

/** Whether the state after a step can be kept, and as what. */
export type Kept =
  /**
   * `stack` is everything over the base, from the bottom up, from which `boot` gives this state again: what the machine was booted on, views and
   * volumes added since, and what it wrote. `layers` are those of its directories that the machine made (inside `MachineSpec.directory`, oldest
   * first): immutable from now on, and the store may adopt them by renaming, even while the machine runs on. Those of earlier calls are not
   * repeated here; `stack` goes on naming them by the paths they were first given under.
   */
  | { readonly kept: true; readonly stack: readonly StackEntry[]; readonly layers: readonly string[] }
  | { readonly kept: false; readonly why: string };

/** What a machine's methods reject with when it, or the server of its views, is gone. */
export class MachineLost extends Error {
  override readonly name = 'MachineLost';
}

/**
 * What `boot` rejects with where a kept state cannot be used: it is damaged, or was saved on another kind of host. A sentence for a person. Never is
 * anything else made of it: whoever asked goes on from an earlier state.
 */
export class StateUnusable extends Error {
  override readonly name = 'StateUnusable';
}

/** What a machine's methods reject with when what lies in it does not let them: a loop of links, a file where a directory should be. For a person. */
export class MachineRefused extends Error {
  override readonly name: string = 'MachineRefused';
}

/** What a driver knows of a step that has ended, whatever it ended with. */
export interface EndedStep {
  readonly observations: readonly Observation[];
  /** Why the step must fail, though its command may not have: it was not given what is there. */
  readonly fault: string | null;
  /** Why it must not be stored: it may have seen more than is known. */
  readonly doubt: string | null;
  readonly state: Kept;
}

/** A running machine. When the machine is gone, `exec` ends as `lost` and every other method rejects with `MachineLost`; none hangs. */
export interface Machine extends AsyncDisposable {
  /** Runs to the end of bash (not of its output pipes). Standard input is /dev/null. Output comes as it is written; stdout and stderr together. */
  exec(command: Command, output: (chunk: Uint8Array) => void, signal: AbortSignal): Promise<Exit>;
  /**
   * Runs a command on a terminal of its own, with job control, to the end of bash. What is printed is passed on as it is, with all that moves cursors.
   */
  terminal(command: Command, line: TerminalLine, signal: AbortSignal): Promise<Exit>;
  /** Starts a command that stays up; its output keeps coming. */
  start(command: Command, output: (chunk: Uint8Array) => void): Promise<BackgroundProcess>;
  /**
   * Those that were up, or had ended otherwise than well, in the state that it was booted on, in the order in which they were started; none where the driver
   * saves no memory. To be called once, before anything else. `output` gets what each prints from now on.
   */
  resumed(output: (index: number) => (chunk: Uint8Array) => void): readonly BackgroundProcess[];
  /** A path with all links followed inside the machine's root, what is there, and mode and owner of each directory on the way (index 0 is `/`; only those that exist). */
  resolve(path: GuestPath): Promise<{
    readonly path: GuestPath;
    readonly kind: 'file' | 'directory' | 'other' | null;
    readonly ancestors: ViewSpec['ancestors'];
  }>;
  /** Creates the user (and its home) if missing and adds it to group root; its uid, gid and home. */
  user(name: string): Promise<{ readonly uid: number; readonly gid: number; readonly home: GuestPath }>;
  /** Creates a directory and those above it, 0775 root:root, if missing. */
  makeDirectory(path: GuestPath): Promise<void>;
  /** Makes a tree known that was not there at boot (a CLONE's): the path of its manifest file. */
  addTree(name: string, manifest: string): Promise<void>;
  /** Puts a view on top of the stack: no process but the machine's init may be using the root, else it is copied in and counts as read. */
  addView(view: ViewSpec): Promise<void>;
  /**
   * Roots a layer (a CACHE volume) at a path, on top of the stack, under the machine's further writes. Under running processes nothing can be put: there
   * its content is copied in, and is the machine's own.
   */
  addLayer(directory: string, at: GuestPath): Promise<void>;
  /**
   * To be called before a step that may go on from what it leaves (`MachineSpec.again`): what is written from now on is told apart from what was. Where it cannot
   * be, a machine says so when it is to go on from there. Null where all that a step writes is layers of its own.
   */
  readonly setApart: (() => Promise<void>) | null;
  /**
   * Copies what the machine shows at a path into `directory`, which exists and is empty, with owners, modes, links and xattrs: a directory's content,
   * or a file under its own name. What it was; null where nothing is.
   */
  copyOut(path: GuestPath, directory: string): Promise<'directory' | 'file' | null>;
  /**
   * Ends a step: freezes the machine's processes, lets every request be answered, cuts the observations, keeps the state if asked and possible, thaws.
   * A state that cannot be kept says why (`redis-server is still running; …`).
   */
  endStep(options: { readonly keep: boolean }): Promise<EndedStep>;
  /**
   * Ends the machine and keeps its state with all that runs in it, as `endStep` does: a machine that is booted on that stack goes on where this one stood.
   * Where the state cannot be kept, the machine goes on itself. Null where the driver saves no memory.
   */
  readonly hibernate: (() => Promise<EndedStep>) | null;
  /** Connects a TCP stream to a port on the machine's loopback (EXPOSE and its proxy). */
  connect(port: number): Promise<import('node:stream').Duplex>;
}
