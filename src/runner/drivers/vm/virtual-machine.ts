import type { Duplex } from 'node:stream';
import type { Accelerator, Board } from './arguments.ts';
import type { MachineIdentity } from './identity.ts';
import type { BootFiles } from './launch.ts';
import { emptyImage } from './memory-image.ts';
import type { PageDigests as Digests } from './page-digests.ts';
import { PageDigests } from './page-digests.ts';
import { pageBytes } from './page-index.ts';
import type { Qmp } from './qmp.ts';
import { Snapshots } from './snapshot.ts';
import type { SnapshotOptions, SnapshotTimes, Subject } from './snapshot.ts';
import { identify, start } from './start.ts';

/** How guests' instructions are executed; see `probeAccelerator`. */
export interface Acceleration {
  readonly kind: Accelerator;
  readonly board: Board;
  /** Rate of the counter that guests see under emulation; null under KVM. */
  readonly tscKhz: number | null;
}

export interface MachineOptions extends BootFiles {
  /** Empty, the machine's own, on the file system that snapshots go to. Whoever made it removes it. */
  readonly directory: string;
  /** A multiple of 1 MiB. */
  readonly memoryBytes: number;
  readonly network: 'outward' | 'none';
  readonly acceleration: Acceleration;
  readonly cpus?: number;
  readonly kernelArguments?: readonly string[];
  /** QEMU's program, where it is not `qemu-system-x86_64` in PATH. */
  readonly program?: string;
  readonly signal: AbortSignal;
}

/** A running QEMU. It knows nothing of what its guest does: whoever snapshots it has its jobs frozen and its channels drained before. */
export class VirtualMachine implements AsyncDisposable {
  /** The guest's port `agent`. Kept flowing: what is not read cannot be counted as said before a snapshot. */
  readonly agentStream: Duplex;
  /** The guest's port `fuse`; likewise. */
  readonly fuseStream: Duplex;
  /** Resolves, with the reason, when it is gone. */
  readonly gone: Promise<string>;
  readonly qmp: Qmp;
  readonly identity: MachineIdentity;
  readonly pid: number;
  /** Why it has no way out although it was to have one; null where all is well. */
  readonly networkFault: string | null;
  readonly #kill: () => void;
  readonly #snapshots: Snapshots;
  #turn: Promise<unknown> = Promise.resolve();

  /** For `boot` and `restoreMachine`. */
  constructor(subject: Subject, newest: { readonly parent: string | null; readonly digests: Digests }) {
    this.agentStream = subject.process.agent;
    this.fuseStream = subject.process.fuse;
    this.gone = subject.process.gone;
    this.qmp = subject.qmp;
    this.identity = subject.identity;
    this.pid = subject.process.pid;
    this.networkFault = subject.networkFault;
    this.#kill = subject.process.kill;
    this.#snapshots = new Snapshots(subject, newest);
  }

  /** Boots a machine from nothing; returns when its processor runs. Rejects with `MachineLost` where QEMU does not start. */
  static async boot(options: MachineOptions): Promise<VirtualMachine> {
    const identity = await identify(options);
    const memoryImage = await emptyImage(options.directory, options.memoryBytes);
    const subject = await start(options, { identity, disks: [], memoryImage, incoming: 'boot' });
    return new VirtualMachine(subject, { parent: null, digests: new PageDigests(options.memoryBytes / pageBytes) });
  }

  /**
   * Keeps the machine's state in a directory and lets it go on: the guest runs again long before this resolves. Rejects where it cannot be written (then
   * nothing of it is left and the machine goes on), and where the machine is gone.
   */
  snapshot(options: SnapshotOptions): Promise<SnapshotTimes> {
    return this.#inTurn(() => this.#snapshots.save(options, 'continue'));
  }

  /** Keeps the state and ends the machine. Where it cannot be kept, the machine goes on. */
  async hibernate(options: SnapshotOptions): Promise<SnapshotTimes> {
    const times = await this.#inTurn(() => this.#snapshots.save(options, 'stay'));
    await this[Symbol.asyncDispose]();
    return times;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.gone;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}
