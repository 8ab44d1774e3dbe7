import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseMachine } from '../../../../src/runner/driver.ts';
import type { AgentState, Launch } from '../../../../src/runner/drivers/vm/agent.ts';
import { GuestAgent } from '../../../../src/runner/drivers/vm/agent.ts';
import { prepareGuest } from '../../../../src/runner/drivers/vm/guest.ts';
import { testBases } from '../../../support/base-machine.ts';

/** A QEMU for tests of the guest alone: software emulation, no network, nothing saved. */
export class TestGuest implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'layer-guest-test-'));
  #agent: GuestAgent | null = null;
  readonly #connections = new Map<string, Duplex>();
  #ended: Promise<unknown> = Promise.resolve();
  #over = false;
  #kill: () => void = () => {};

  static async boot(base: BaseMachine, options: { readonly memoryMegabytes?: number } = {}): Promise<TestGuest> {
    const guest = new TestGuest();
    const signal = AbortSignal.timeout(240_000);
    const files = await prepareGuest({ directory: join(testBases, 'guests'), base, diskBytes: 8 * 2 ** 30 }, signal);
    const disk = join(guest.directory, 'disk.qcow2');
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', files.disk, disk]);
    const port = (name: string, number: number): string[] => [
      ...['-chardev', `socket,id=${name},path=${guest.directory}/${name},server=on,wait=off`],
      ...['-device', `virtserialport,bus=serial.0,nr=${number},chardev=${name},name=${name}`],
    ];
    const kernelArguments = `quiet panic=-1 reboot=t tsc_early_khz=${tscKhz()} mitigations=off nokaslr audit=0 console=ttyS0`;
    const child = spawn(
      'setpriv',
      [
        ...['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64'],
        ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-accel', 'tcg,tb-size=128'],
        ...['-cpu', 'max', '-m', String(options.memoryMegabytes ?? 1024)],
        ...['-M', 'microvm,acpi=on,pcie=off,rtc=on,pit=on,pic=off,isa-serial=on,usb=off', '-monitor', 'none'],
        ...['-kernel', files.kernel.image, '-initrd', files.initramfs, '-append', kernelArguments],
        ...['-serial', `file:${guest.directory}/console`],
        ...['-drive', `if=none,id=disk,file=${disk},format=qcow2,cache=unsafe,discard=unmap`],
        ...['-device', 'virtio-blk-device,drive=disk', '-device', 'virtio-serial-device,id=serial'],
        ...[...port('agent', 1), ...port('fuse', 2)],
        ...['-object', 'rng-random,id=random,filename=/dev/urandom', '-device', 'virtio-rng-device,rng=random'],
        ...['-netdev', 'user,id=net,restrict=on', '-device', 'virtio-net-device,netdev=net'],
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    guest.#ended = once(child, 'exit').then(() => (guest.#over = true));
    guest.#kill = () => void child.kill('SIGKILL');
    process.once('exit', guest.#kill);
    try {
      guest.#agent = await GuestAgent.connect(await guest.port('agent'), { state: null, signal });
    } catch (error) {
      const console = join(guest.directory, 'console');
      const said = existsSync(console) ? readFileSync(console, 'utf8') : 'nothing';
      await guest[Symbol.asyncDispose]();
      throw new Error(`the guest did not boot; it said: ${said}`, { cause: error });
    }
    return guest;
  }

  get agent(): GuestAgent {
    if (this.#agent === null) throw new Error('the guest has not booted');
    return this.#agent;
  }

  /** A connection to one of its ports; QEMU takes one at a time. */
  async port(name: 'agent' | 'fuse'): Promise<Duplex> {
    for (;;) {
      const socket = connect(join(this.directory, name));
      const problem = await once(socket, 'connect').then(
        () => null,
        (error: unknown) => error as NodeJS.ErrnoException,
      );
      if (problem === null) {
        this.#connections.set(name, socket);
        return socket;
      }
      // QEMU has not made it yet, or does not listen yet.
      if (this.#over || !['ENOENT', 'ECONNREFUSED'].includes(problem.code ?? '')) throw problem;
      await sleep(5);
    }
  }

  close(name: 'agent' | 'fuse'): void {
    this.#connections.get(name)?.destroy();
  }

  /** Takes the agent's connection away, wherever it stands, and goes on with another. */
  async reconnect(): Promise<void> {
    this.close('agent');
    const state = JSON.parse(JSON.stringify(this.agent.state())) as AgentState;
    this.#agent = await GuestAgent.connect(await this.port('agent'), { state, signal: AbortSignal.timeout(60_000) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    process.off('exit', this.#kill);
    await this.#ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Under software emulation a microvm has no clock to measure its own by. */
function tscKhz(): number {
  const megahertz = /^cpu MHz\s*:\s*([\d.]+)/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  return Math.round(Number(megahertz ?? 2000) * 1000);
}

export function launch(script: string, changes: Partial<Launch> = {}): Launch {
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  return { script, env, uid: 0, gid: 0, groups: [0], cwd: '/root', ...changes };
}

/** Runs a script to its end; what it printed, and its exit code, or its signal's number with 128 added. */
export async function run(
  agent: GuestAgent,
  script: string,
  changes: Partial<Launch> = {},
): Promise<{ readonly output: string; readonly code: number }> {
  const chunks: Uint8Array[] = [];
  const job = agent.exec(launch(script, changes), { stays: false, output: (chunk) => chunks.push(chunk) });
  const { code, signal } = await job.ended;
  return { output: Buffer.concat(chunks).toString('latin1'), code: signal > 0 ? 128 + signal : code };
}
