import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { BaseMachine } from '../../../../src/runner/driver.ts';
import { probeAccelerator } from '../../../../src/runner/drivers/vm/accelerator.ts';
import type { AgentState } from '../../../../src/runner/drivers/vm/agent.ts';
import { GuestAgent } from '../../../../src/runner/drivers/vm/agent.ts';
import { readKept } from '../../../../src/runner/drivers/vm/chain.ts';
import { prepareGuest } from '../../../../src/runner/drivers/vm/guest.ts';
import type { BootFiles } from '../../../../src/runner/drivers/vm/launch.ts';
import type { RestoreOptions } from '../../../../src/runner/drivers/vm/restore.ts';
import { restoreMachine } from '../../../../src/runner/drivers/vm/restore.ts';
import type { SnapshotOptions, SnapshotTimes } from '../../../../src/runner/drivers/vm/snapshot.ts';
import type { MachineOptions } from '../../../../src/runner/drivers/vm/virtual-machine.ts';
import { VirtualMachine } from '../../../../src/runner/drivers/vm/virtual-machine.ts';
import { testBases } from '../../../support/base-machine.ts';
import { buildTinyBase } from '../tiny-base.ts';
import { run } from './guest-launcher.ts';

/** A machine and its agent. */
export interface Running extends AsyncDisposable {
  readonly machine: VirtualMachine;
  readonly agent: GuestAgent;
  /** Runs a script to its end; what it printed. Throws where it fails. */
  run(script: string): Promise<string>;
  /** Snapshots it as a driver would: jobs frozen, the agent's state kept beside. */
  save(directory: string, options?: Pick<SnapshotOptions, 'memory'>): Promise<SnapshotTimes>;
}

/** A place for machines of one tiny base. */
export class Lab implements Disposable {
  readonly directory: string;
  readonly options: Omit<MachineOptions, 'directory'>;
  #count = 0;

  private constructor(directory: string, options: Omit<MachineOptions, 'directory'>) {
    this.directory = directory;
    this.options = options;
  }

  static async open(signal: AbortSignal): Promise<Lab> {
    const directory = mkdtempSync(join(tmpdir(), 'layer-qemu-test-'));
    try {
      mkdirSync(join(directory, 'root'));
      const files = await bootFiles(buildTinyBase(join(directory, 'root')), signal);
      const { acceleration, failures } = await probeAccelerator({ files, directory: testBases, signal });
      if (acceleration === null) throw new Error(failures.map(({ why }) => why).join('; '));
      const memoryBytes = 256 * 2 ** 20;
      return new Lab(directory, { ...files, acceleration, memoryBytes, network: 'none', signal });
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** A directory that does not exist yet. */
  place(): string {
    return join(this.directory, `place-${this.#count++}`);
  }

  /** One that does. */
  scratch(): string {
    const path = this.place();
    mkdirSync(path);
    return path;
  }

  async boot(changes: Partial<MachineOptions> = {}): Promise<Running> {
    const machine = await VirtualMachine.boot({ ...this.options, directory: this.scratch(), ...changes });
    return await meet(machine, null, this.options.signal);
  }

  async restore(chain: readonly string[], changes: Partial<RestoreOptions> = {}): Promise<Running> {
    const kept = await readKept(chain.at(-1) ?? '', 'agent.json').catch((error: unknown) => error);
    const machine = await restoreMachine({ ...this.options, directory: this.scratch(), chain, ...changes });
    if (kept instanceof Error) {
      await machine[Symbol.asyncDispose]();
      throw kept;
    }
    const state: AgentState = JSON.parse(String(kept));
    const running = await meet(machine, state, this.options.signal);
    const unixNs = BigInt(Date.now()) * 1_000_000n;
    const machineId = randomBytes(16).toString('hex');
    await running.agent.wake({ unixNs, entropy: randomBytes(64), hostname: 'restored', machineId });
    await running.agent.thaw();
    return running;
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function meet(machine: VirtualMachine, state: AgentState | null, signal: AbortSignal): Promise<Running> {
  try {
    machine.fuseStream.resume();
    const agent = await GuestAgent.connect(machine.agentStream, { state, signal });
    return {
      machine,
      agent,
      run: async (script) => {
        const { code, output } = await run(agent, script);
        if (code !== 0) throw new Error(`${script}: exit code ${code}: ${output}`);
        return output;
      },
      save: async (directory, options = {}) => {
        await agent.freeze();
        const extra = (): Record<string, string> => ({ 'agent.json': JSON.stringify(agent.state()) });
        try {
          return await machine.snapshot({ directory, extra, ...options });
        } finally {
          if (agent.lost === null) await agent.thaw();
        }
      },
      [Symbol.asyncDispose]: () => machine[Symbol.asyncDispose](),
    };
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a tiny base boots from, made once for all tests. */
async function bootFiles(base: BaseMachine, signal: AbortSignal): Promise<BootFiles> {
  const guest = await prepareGuest({ directory: join(testBases, 'guests'), base, diskBytes: 2 ** 30 }, signal);
  return {
    kernel: { path: guest.kernel.image, digest: guest.kernel.version },
    initramfs: { path: guest.initramfs, digest: basename(guest.initramfs) },
    disk: { path: guest.disk, digest: basename(guest.disk), format: 'qcow2' },
  };
}
