import { MachineLost } from '../../driver.ts';
import type { MachineIdentity } from './identity.ts';
import { processorModel, qemuVersion, savedFormat } from './identity.ts';
import { launch } from './launch.ts';
import type { QemuProcess } from './process.ts';
import { Qmp } from './qmp.ts';
import { connectOwnNetwork, enterOwnNetwork } from './outward.ts';
import type { Subject } from './snapshot.ts';
import type { MachineOptions } from './virtual-machine.ts';

/** Looked up in PATH. */
export const defaultProgram = 'qemu-system-x86_64';

/** What a machine with these options, started here and now, would be. Rejects with `MachineLost` where there is no QEMU. */
export async function identify(options: MachineOptions): Promise<MachineIdentity> {
  const { acceleration, kernel, initramfs, disk } = options;
  const qemu = await qemuVersion(options.program ?? defaultProgram).catch((error: unknown) => {
    throw new MachineLost(`QEMU does not start: ${error instanceof Error ? error.message : String(error)}`);
  });
  return {
    format: savedFormat,
    qemu,
    kernel: kernel.digest,
    initramfs: initramfs.digest,
    disk: disk.digest,
    processor: acceleration.kind === 'kvm' ? processorModel() : null,
    facts: {
      board: acceleration.board,
      accelerator: acceleration.kind,
      memoryBytes: options.memoryBytes,
      cpus: options.cpus ?? 1,
      tscKhz: acceleration.tscKhz,
      kernelArguments: options.kernelArguments ?? [],
    },
  };
}

/** Starts QEMU and greets it. On abort, then and later, it is killed. */
export async function start(
  options: MachineOptions,
  state: {
    readonly identity: MachineIdentity;
    /** Images above the base disk, from the bottom up. */
    readonly disks: readonly string[];
    readonly memoryImage: string;
    readonly incoming: 'boot' | 'restore';
  },
): Promise<Subject> {
  options.signal.throwIfAborted();
  const { directory, network, kernel, initramfs, disk } = options;
  const { process, user, virtualBytes } = launch({
    program: options.program ?? defaultProgram,
    files: { kernel, initramfs, disk },
    facts: state.identity.facts,
    ...{ directory, network },
    ...{ disks: state.disks, memoryImage: state.memoryImage, incoming: state.incoming },
    enter: network === 'outward' ? await enterOwnNetwork(directory) : [],
  });
  const abort = (): void => process.kill();
  options.signal.addEventListener('abort', abort, { once: true });
  void process.gone.then(() => options.signal.removeEventListener('abort', abort));
  try {
    const qmp = await Qmp.connect(process.control, process.gone);
    endOnDiskFault(qmp, process);
    const networkFault = network === 'outward' ? await connectOwnNetwork(process, options.signal) : null;
    return { process, qmp, user, identity: state.identity, directory, virtualBytes, networkFault };
  } catch (error) {
    process.kill();
    await process.gone;
    options.signal.throwIfAborted();
    throw error;
  }
}

/** A guest whose disk fails stands still; it must not go on as if only its file system were broken. */
function endOnDiskFault(qmp: Qmp, process: QemuProcess): void {
  let why = '';
  const heard = qmp.event('BLOCK_IO_ERROR', ({ operation, nospace, reason }) => {
    why = nospace === true ? 'no space is left where its disk lies' : `its disk cannot ${operation}: ${reason}`;
    return true;
  });
  heard.then(
    () => process.kill(why),
    () => {},
  );
}
