import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Driver, Machine, MachineSpec } from '../../driver.ts';
import { MachineLost, StateUnusable } from '../../driver.ts';
import type { DeviceViewServer, ViewServerSpec } from '../../fuse/view-server.ts';
import { Agent } from './agent.ts';
import type { Hierarchies } from './cgroup.ts';
import { canFollowProcesses, findHierarchies, MachineCgroups } from './cgroup.ts';
import { SandboxMachine } from './machine.ts';
import { machineScratch } from './machine-directory.ts';
import { slirpResolvConf, startSlirp } from '../slirp.ts';
import { ownedName } from './owner.ts';
import type { Probe } from './probe.ts';
import { sandboxProblem } from './probe.ts';
import { Root } from './root.ts';
import type { RootEntry } from './stack.ts';
import { sweepSandbox } from './sweep.ts';

/** What the sandbox is given by the root: the siblings it needs, and where it will work. */
export interface SandboxParts {
  readonly startViewServer: (spec: ViewServerSpec) => Promise<DeviceViewServer>;
  /** Below it lie the directories of all machines. */
  readonly storeDirectory: string;
  /** Told once what this host cannot do, as a sentence, when a machine would have needed it. */
  readonly warn: (message: string) => void;
}

/** Machines out of Linux namespaces and a root overlay: no KVM, no daemon; not a boundary against hostile code. */
export function sandboxDriver(parts: SandboxParts): Driver {
  let problem: Promise<Probe | null> | null = null;
  let swept: Promise<unknown> | null = null;
  const warned = new Set<string>();
  const warn = (message: string): void => {
    if (!warned.has(message)) parts.warn(message);
    warned.add(message);
  };
  return {
    name: 'sandbox',
    format: 'overlay-1',
    can: { saveMemory: false, snapshotLive: canFollowProcesses(hierarchies()) },
    snapshotWorthMs: 0,
    async unavailable() {
      const failed = await (problem ??= sandboxProblem(parts.storeDirectory));
      return failed === null
        ? null
        : `${failed.what}: ${failed.detail}${failed.remedy === null ? '' : `: ${failed.remedy}`}`;
    },
    async boot(spec, signal) {
      // Machines lie beside each other: the first one clears up what killed runs have left.
      await (swept ??= sweepSandbox(dirname(spec.directory)));
      return boot(spec, { ...parts, warn }, signal);
    },
  };
}

async function boot(spec: MachineSpec, parts: SandboxParts, signal: AbortSignal): Promise<Machine> {
  await using started = new AsyncDisposableStack();
  const { directory } = spec;
  const stack = spec.stack.map((entry): RootEntry => {
    if (entry.kind === 'machine') throw new StateUnusable('it holds the memory of a virtual machine');
    return entry;
  });
  const userXattr = inUserNamespace();
  prepare(spec);
  started.defer(() => {
    for (const name of machineScratch) rmSync(join(directory, name), { recursive: true, force: true });
  });
  const name = ownedName();
  writeFileSync(join(directory, 'owner'), name, { mode: 0o600 });
  const cgroups = new MachineCgroups(hierarchies(), name);
  started.defer(() => cgroups.remove());
  if (spec.memoryBytes !== null && !cgroups.limitMemory(spec.memoryBytes)) {
    parts.warn('MEMORY is not enforced: this host has no control group that bounds memory');
  }
  const agent = started.use(await Agent.boot({ directory, hostname: spec.hostname, userXattr, signal }));
  // Once booted, the machine ends when it is disposed, not when whoever booted it gives up.
  const over = new AbortController();
  const giveUp = (): void => over.abort();
  signal.addEventListener('abort', giveUp, { once: true });
  started.defer(() => signal.removeEventListener('abort', giveUp));
  const views = parts.startViewServer({
    enter: agent.enter,
    mountpoint: join(directory, 'views'),
    trees: spec.trees,
    mtime: spec.mtime,
    directorySeconds: spec.directorySeconds ?? null,
    signal: over.signal,
  });
  const server = views.catch(() => null);
  started.defer(async () => {
    over.abort();
    await (await server)?.[Symbol.asyncDispose]();
  });
  if (spec.network === 'outward') {
    const network = await startSlirp({ hostPid: agent.hostPid, network: '10.0.2.0/24', signal });
    if ('why' in network) parts.warn(`machines have no network: ${network.why}`);
    else started.use(network);
  }
  await addViews(spec.stack, views);
  const root = new Root({ agent, base: spec.base, directory, userXattr });
  await root.push(stack);
  await root.mount();
  const { directorySeconds = null } = spec;
  const inViews: DeviceViewServer['directories'] = (paths) => views.then((server) => server.directories(paths));
  await root.renewDirectories({ seconds: directorySeconds, inViews, copied: null });
  signal.throwIfAborted();
  signal.removeEventListener('abort', giveUp);
  const owned = started.move();
  const dispose = (): Promise<void> => owned.disposeAsync();
  return new SandboxMachine({ agent, root, cgroups, views, directory, directorySeconds, dispose });
}

/** A server that ends before the machine is up takes the machine with it, as it does later. */
async function addViews(stack: MachineSpec['stack'], views: Promise<DeviceViewServer>): Promise<void> {
  const lost = (error: unknown): MachineLost =>
    new MachineLost(error instanceof Error ? error.message : String(error), { cause: error });
  for (const entry of stack) {
    if (entry.kind !== 'view') continue;
    const server = await views.catch((error: unknown) => Promise.reject(lost(error)));
    await server.addView(entry.view).catch((error: unknown) => {
      throw server.failure === null ? error : lost(error);
    });
  }
}

function hierarchies(): Hierarchies {
  return findHierarchies(readFileSync('/proc/self/mountinfo', 'utf8'));
}

function prepare(spec: MachineSpec): void {
  chmodSync(spec.directory, 0o700);
  for (const name of ['root', 'proc', 'mqueue', 'views', 'etc', 'work', 'layers'])
    mkdirSync(join(spec.directory, name));
  const etc = join(spec.directory, 'etc');
  const write = (name: string, text: string): void => {
    writeFileSync(join(etc, name), text);
    chmodSync(join(etc, name), 0o644);
  };
  write('resolv.conf', spec.network === 'outward' ? slirpResolvConf('10.0.2.0/24') : '');
  write('hostname', `${spec.hostname}\n`);
  write('hosts', `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t${spec.hostname}\n`);
}

/** Whether root here is root of a user namespace only: overlays then keep their marks in `user.overlay.*`. */
function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}
