import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { GuestPath } from '../../../host.ts';
import type { BaseMachine, Driver, Machine, MachineSpec, StackEntry } from '../../driver.ts';
import { MachineLost, MachineRefused, StateUnusable } from '../../driver.ts';
import { GuestAgent } from './agent.ts';
import { bootFiles } from './boot-files.ts';
import { bootedStates, type BootedStates, type ServeViews } from './booted.ts';
import { Forks } from './forks.ts';
import { connectFuse } from './fuse-port.ts';
import type { BootFiles } from './launch.ts';
import { readRecord } from './machine-record.ts';
import { dateViews, VmMachine } from './machine.ts';
import { ProgramFailed } from './program.ts';
import { renewVolume } from './renew-volume.ts';
import { restoreMachine } from './restore.ts';
import { readSavedGuest } from './saved-guest.ts';
import type { Acceleration, MachineOptions, VirtualMachine } from './virtual-machine.ts';

/** What the VM driver is given by the root: the siblings it needs, and where it will work. */
export interface VmParts {
  readonly serveViews: ServeViews;
  /** Kernel, disks and booted machines lie here; shared by all stores that share base machines. */
  readonly guestsDirectory: string;
  /** How guests are executed on this host, tried by doing it; `why` where they cannot be. */
  readonly accelerate: (files: BootFiles, signal: AbortSignal) => Promise<Acceleration | { readonly why: string }>;
  /** Why there can be no machines at all, with the line that mends it; null where there can. */
  readonly unavailable: () => Promise<string | null>;
  /** See `Driver`. */
  readonly snapshotWorthMs: number;
  /** Told what went wrong with a saved state that is not used. */
  readonly warn: (message: string) => void;
}

/** Where MEMORY says nothing. */
const defaultMemoryBytes = 2 * 2 ** 30;
const leastMemoryBytes = 256 * 2 ** 20;
const mebibyte = 2 ** 20;
/** Far more than a run writes: it takes room only as it is written. */
const diskBytes = 32 * 2 ** 30;

/** Machines of QEMU's, each with a kernel of its own, kept with their memory. */
export function vmDriver(parts: VmParts): Driver {
  const booted = bootedStates(join(parts.guestsDirectory, 'booted'), parts.serveViews);
  const files = new Map<string, Promise<BootFiles>>();
  const filesOf = (base: BaseMachine, signal: AbortSignal): Promise<BootFiles> => {
    const known = files.get(base.digest);
    if (known !== undefined) return known;
    const made = bootFiles({ directory: parts.guestsDirectory, base, diskBytes }, signal);
    files.set(base.digest, made);
    made.catch(() => files.delete(base.digest));
    return made;
  };
  const booting = new Map<string, Promise<string>>();
  const forks = new Forks(parts.warn);
  return {
    name: 'vm',
    format: 'memory-1',
    can: { saveMemory: true, snapshotLive: true },
    snapshotWorthMs: parts.snapshotWorthMs,
    unavailable: parts.unavailable,
    async boot(spec, signal) {
      try {
        const boot = await filesOf(spec.base, signal);
        const acceleration = await parts.accelerate(boot, signal);
        if ('why' in acceleration) throw new MachineLost(acceleration.why);
        return await start(spec, { parts, booted, booting, forks, boot, acceleration }, signal);
      } catch (error) {
        signal.throwIfAborted();
        // What a tool could not make, and what the guest would not do before anybody asked it for anything, ends the machine.
        if (error instanceof ProgramFailed || error instanceof MachineRefused) throw new MachineLost(error.message);
        throw error;
      }
    },
  };
}

interface Start {
  readonly parts: VmParts;
  readonly booted: BootedStates;
  /** Boots that are under way in this process, so that none is done twice. */
  readonly booting: Map<string, Promise<string>>;
  readonly forks: Forks;
  readonly boot: BootFiles;
  readonly acceleration: Acceleration;
}

async function start(spec: MachineSpec, context: Start, signal: AbortSignal): Promise<Machine> {
  await using started = new AsyncDisposableStack();
  // Once it is up, the machine ends when it is disposed, not when whoever booted it gives up.
  const over = new AbortController();
  const giveUp = (): void => over.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener('abort', giveUp, { once: true });
  started.defer(() => signal.removeEventListener('abort', giveUp));
  const directory = join(spec.directory, 'qemu');
  await mkdir(directory, { mode: 0o700 });
  started.defer(() => rm(directory, { recursive: true, force: true }));
  const options: MachineOptions = {
    ...context.boot,
    directory,
    memoryBytes: wholeMebibytes(spec.memoryBytes ?? defaultMemoryBytes),
    network: spec.network,
    acceleration: context.acceleration,
    signal: over.signal,
  };
  try {
    const { vm, top } = await load(spec, options, context);
    started.use(vm);
    if (vm.networkFault !== null) context.parts.warn(`machines have no network: ${vm.networkFault}`);
    const machine = await connect({ vm, top, spec, parts: context.parts, started, signal: over.signal });
    signal.throwIfAborted();
    signal.removeEventListener('abort', giveUp);
    return machine;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/** QEMU with the state that a stack stands for. */
async function load(
  spec: MachineSpec,
  options: MachineOptions,
  context: Start,
): Promise<{ readonly vm: VirtualMachine; readonly top: string }> {
  const levels = spec.stack.flatMap((entry) => {
    if (entry.kind === 'layer' && entry.at === null) throw new StateUnusable('it was made by the sandbox');
    return entry.kind === 'machine' ? [entry.directory] : [];
  });
  const [first] = levels;
  const top = levels.at(-1);
  if (first === undefined || top === undefined) return loadBooted(options, context);
  const parent = readRecord(first)?.record.parent ?? null;
  if (parent === null) throw new StateUnusable(`${first} holds no whole record of a machine`);
  const below = await context.booted.named(parent);
  if (below === null) throw new StateUnusable('the booted machine that it was made from is gone');
  try {
    const chain = [below, ...levels];
    const { forks: count = 1, directory } = spec;
    if (count === 1) return { vm: await restoreMachine({ ...options, chain }), top };
    const vm = await context.forks.load({ chain, count, directory, signal: options.signal }, (memory) =>
      restoreMachine({ ...options, chain, ...(memory === null ? {} : { memory }) }),
    );
    return { vm, top };
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof StateUnusable) context.parts.warn(`a saved machine is not used: ${error.message}`);
    // A QEMU that ends over a state has not shown that the state is good.
    if (error instanceof MachineLost) throw new StateUnusable(`QEMU could not load it: ${error.message}`);
    throw error;
  }
}

/** A machine as it was when it had booted: the first state that fits this host, or a new one. */
async function loadBooted(
  options: MachineOptions,
  context: Start,
): Promise<{ readonly vm: VirtualMachine; readonly top: string }> {
  for (const place of await context.booted.of(options)) {
    try {
      return { vm: await restoreMachine({ ...options, chain: [place] }), top: place };
    } catch (error) {
      if (!(error instanceof StateUnusable)) throw error;
      await renew(options);
    }
  }
  const key = JSON.stringify([options.disk.digest, options.memoryBytes, options.network]);
  const known = context.booting.get(key) ?? bootOnce(options, context);
  context.booting.set(key, known);
  try {
    const place = await known;
    return { vm: await restoreMachine({ ...options, chain: [place] }), top: place };
  } finally {
    context.booting.delete(key);
  }
}

async function bootOnce(options: MachineOptions, { booted }: Start): Promise<string> {
  const directory = join(options.directory, '..', 'first-boot');
  await mkdir(directory, { mode: 0o700 });
  try {
    return await booted.add({ ...options, directory });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Empties the machine's own directory after a QEMU that came to nothing. */
async function renew({ directory }: MachineOptions): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { mode: 0o700 });
}

/** Makes a loaded machine one of its own, and lets it go on. Where anything of that fails, it ends. */
async function connect(given: {
  readonly vm: VirtualMachine;
  /** The newest level that it was loaded from. */
  readonly top: string;
  readonly spec: MachineSpec;
  readonly parts: VmParts;
  readonly started: AsyncDisposableStack;
  readonly signal: AbortSignal;
}): Promise<Machine> {
  const { vm, top, spec, parts, started, signal } = given;
  const saved = await readSavedGuest(top);
  const [port, agent] = await Promise.all([
    alive(vm, connectFuse(vm.fuseStream, { state: saved.fuse, signal })),
    alive(vm, GuestAgent.connect(vm.agentStream, { state: saved.agent, signal })),
  ]);
  const { directorySeconds = null } = spec;
  const fresh = spec.stack.every((entry) => entry.kind !== 'machine');
  const views = parts.serveViews({
    stream: port.stream,
    trees: spec.trees,
    mtime: spec.mtime,
    directorySeconds,
    views: spec.stack.flatMap((entry) => (entry.kind === 'view' ? [entry.view] : [])),
    // A machine that has only booted has looked at nothing, whatever its files will show for times.
    takeUp: fresh ? { ...saved.views, table: { ...saved.views.table, mtime: spec.mtime } } : saved.views,
    files: spec.again === undefined ? 'same' : 'others',
  });
  if ('unusable' in views) throw new StateUnusable(`its views do not fit: ${views.unusable}`);
  started.use(views);
  await Promise.all([
    alive(
      vm,
      agent.wake({
        unixNs: BigInt(Date.now()) * 1_000_000n,
        entropy: randomBytes(64),
        hostname: spec.hostname,
        machineId: randomBytes(16).toString('hex'),
      }),
    ),
    // What the kernel was told to forget it has forgotten before anything asks.
    alive(vm, agent.drain(port.sentBytes)),
  ]);
  if (spec.again !== undefined) {
    const { prune } = spec.again;
    const nameOf = (ordinal: number): string => views.nameOf(ordinal);
    const why = await alive(vm, agent.renewViews({ nameOf, prune, directorySeconds }));
    if (why !== null) throw new StateUnusable(why);
  } else if (directorySeconds !== null) {
    const dating = { seconds: directorySeconds, isInViews: (path: GuestPath) => views.isDirectory(path) };
    const why = await alive(vm, agent.dateDirectories(dating));
    if (why !== null) throw new StateUnusable(why);
  }
  await agent.thaw();
  const volumes = spec.stack.filter((entry) => entry.kind === 'layer');
  for (const entry of volumes) await alive(vm, renewVolume(agent, entry));
  if (directorySeconds !== null && volumes.some(({ replaces }) => replaces !== undefined)) {
    const why = await alive(vm, dateViews(agent, { views, seconds: directorySeconds }));
    if (why !== null) throw new StateUnusable(why);
  }
  const owned = started.move();
  return new VmMachine({
    ...{ vm, agent, fuse: port, views, saved: saved.jobs },
    directory: spec.directory,
    directorySeconds,
    stack: spec.stack.map(settled),
    dispose: () => owned.disposeAsync(),
  });
}

/** A volume as it is from now on. */
function settled(entry: StackEntry): StackEntry {
  return entry.kind === 'layer' ? { kind: 'layer', directory: entry.directory, at: entry.at } : entry;
}

/** What is waited for, or that the machine is gone meanwhile. */
async function alive<T>(vm: VirtualMachine, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  const gone = vm.gone.then((why) => Promise.reject(new MachineLost(why)));
  gone.catch(() => {});
  return Promise.race([work, gone]);
}

function wholeMebibytes(bytes: number): number {
  return Math.max(leastMemoryBytes, Math.ceil(bytes / mebibyte) * mebibyte);
}
