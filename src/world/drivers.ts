import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Plan, Step } from '../ir/ir.ts';
import { needsMachine, type MachineNeed } from '../ir/needs-machine.ts';
import { lookIntoShell } from '../ir/shell.ts';
import type { Chain } from '../runner/chain.ts';
import type { BaseMachine, Driver } from '../runner/driver.ts';
import type { AcceleratorProbe } from '../runner/drivers/vm/accelerator.ts';
import type { Acceleration } from '../runner/drivers/vm/virtual-machine.ts';
import type { DriverName } from './driver-names.ts';

/** What runs the machines of a run. */
export interface Drivers {
  readonly driver: Driver;
  /** Another one for chains that want it; null where all have the same. */
  readonly driverFor: ((chain: Chain) => Driver) | null;
  /** What a person should know of the choice. */
  readonly notes: readonly string[];
}

export interface DriverSettings {
  readonly asked: DriverName;
  readonly plan: Plan;
  /** Where base machines lie. */
  readonly bases: string;
  readonly path: string;
  /** After how much work a virtual machine is worth keeping; null: what is usual. */
  readonly snapshotWorthMs?: number | null;
  readonly sandbox: () => Driver;
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
}

/** Chooses what runs the machines, as asked, or by what this host can do and the Layerfiles need. */
export async function chooseDrivers(settings: DriverSettings): Promise<Drivers> {
  const { asked, plan, sandbox } = settings;
  if (asked === 'sandbox') return { driver: sandbox(), driverFor: null, notes: [] };
  if (asked === 'vm') {
    const machines = await virtualMachines(settings);
    return { driver: machines.driver, driverFor: null, notes: [] };
  }
  if (await kvmBoots(settings)) {
    const machines = await virtualMachines(settings);
    return { driver: machines.driver, driverFor: null, notes: [] };
  }
  const needy = plan.layers.flatMap((layer) => {
    const [need] = needsOf(layer.steps);
    return need === undefined ? [] : [{ layer, need }];
  });
  const [first] = needy;
  if (first === undefined) return { driver: sandbox(), driverFor: null, notes: [] };
  const machines = await virtualMachines(settings);
  const unavailable = await machines.driver.unavailable();
  const what = needy.map(({ layer, need }) => `${layer.path}: ${need.command} ${need.why}`).join('; ');
  const gets =
    needy.length === 1
      ? 'it gets a virtual machine, whose processor is'
      : 'they get virtual machines, whose processors are';
  if (unavailable !== null) {
    return {
      driver: sandbox(),
      driverFor: null,
      notes: [`${what}; ${needy.length === 1 ? 'it is' : 'they are'} tried in the sandbox, since ${unavailable}`],
    };
  }
  const ids = new Set(needy.map(({ layer }) => layer.id));
  const plain = sandbox();
  return {
    driver: plain,
    driverFor: (chain) => (chain.layers.some((layer) => ids.has(layer.id)) ? machines.driver : plain),
    notes: [
      `${what}: ${gets} emulated here, since KVM does not boot guests: expect it to be ten times slower or more; --driver sandbox tries it without`,
    ],
  };
}

/** Commands of a Layerfile's own RUNs that plainly need a machine of their own. */
function needsOf(steps: readonly Step[]): readonly MachineNeed[] {
  return steps.flatMap((step) => (step.kind === 'run' ? needsMachine(lookIntoShell(step.command)) : []));
}

/** Whether a guest really boots with KVM: tried once for each boot of the host, and only where KVM can be opened and QEMU is there. */
async function kvmBoots(settings: DriverSettings): Promise<boolean> {
  if (missingFor(settings.path) !== null || !canOpen('/dev/kvm')) return false;
  const path = join(guestsOf(settings.bases), 'kvm');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  if (textOf(path) === `${boot} no`) return false;
  const machines = await virtualMachines(settings);
  try {
    const { acceleration } = await machines.probe(settings.signal);
    const boots = acceleration?.kind === 'kvm';
    if (!boots) writeFileSync(path, `${boot} no`);
    return boots;
  } catch (error) {
    settings.signal.throwIfAborted();
    settings.warn(
      `whether KVM boots guests could not be tried: ${error instanceof Error ? error.message : String(error)}`,
    );
    return false;
  }
}

/** What the last trial of this host's guests showed. */
export interface KnownGuests {
  /** What boots them; null where nothing does. */
  readonly accelerator: 'kvm' | 'tcg' | null;
  readonly failures: readonly { readonly accelerator: string; readonly why: string }[];
}

/** What an earlier run has found out; null where none had to. */
export function knownGuests(bases: string): KnownGuests | null {
  const directory = guestsOf(bases);
  const names = existsSync(directory)
    ? readdirSync(directory).filter((name) => /^accelerator-.*\.json$/.test(name))
    : [];
  const byAge = names.map((name) => join(directory, name)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  const text = byAge[0] === undefined ? null : textOf(byAge[0]);
  if (text === null) return null;
  try {
    const { acceleration, failures } = JSON.parse(text) as AcceleratorProbe;
    return { accelerator: acceleration?.kind ?? null, failures };
  } catch {
    return null;
  }
}

/** About what it takes to keep one and to restore it. */
const usualSnapshotWorthMs = 2000;

/** Virtual machines as this host may have them; nothing is tried before somebody asks. */
export async function virtualMachines(
  settings: Pick<DriverSettings, 'bases' | 'path' | 'snapshotWorthMs' | 'warn'>,
): Promise<{
  readonly driver: Driver;
  readonly probe: (signal: AbortSignal) => Promise<AcceleratorProbe>;
}> {
  // What makes them is big, and most runs have none.
  const { vmDriver } = await import('../runner/drivers/vm/vm.ts');
  const { takeUpViews } = await import('../runner/fuse/stream-server.ts');
  const guestsDirectory = guestsOf(settings.bases);
  let probed: Promise<AcceleratorProbe> | null = null;
  const probe = (signal: AbortSignal): Promise<AcceleratorProbe> => {
    probed ??= probeOnce(guestsDirectory, signal);
    probed.catch(() => {
      probed = null;
    });
    return probed;
  };
  const driver = vmDriver({
    serveViews: takeUpViews,
    guestsDirectory,
    async accelerate(_files, signal): Promise<Acceleration | { readonly why: string }> {
      const { acceleration, failures } = await probe(signal);
      if (acceleration !== null) return acceleration;
      return {
        why: `no guest boots here: ${failures.map(({ accelerator, why }) => `${accelerator}: ${why}`).join('; ')}`,
      };
    },
    unavailable: async () => missingFor(settings.path),
    warn: settings.warn,
    snapshotWorthMs: settings.snapshotWorthMs ?? usualSnapshotWorthMs,
  });
  return { driver, probe };
}

function guestsOf(bases: string): string {
  return join(bases, 'guests');
}

/** Why there are no virtual machines here, with the line that mends it; null where there can be. */
function missingFor(path: string): string | null {
  if (process.arch !== 'x64') return `there are no virtual machines on ${process.arch} yet`;
  const tools = needed.filter(([tool]) => !onPath(tool, path));
  if (tools.length === 0) return null;
  const packages = [...new Set(tools.map(([, name]) => name))].join(' ');
  return `${tools.map(([tool]) => tool).join(', ')} not found: apt install ${packages}`;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** What virtual machines are made with, and the packages that bring it. */
const needed: readonly (readonly [tool: string, debianPackage: string])[] = [
  ['qemu-system-x86_64', 'qemu-system-x86'],
  ['qemu-img', 'qemu-utils'],
  ['mke2fs', 'e2fsprogs'],
  ['setpriv', 'util-linux'],
];

/** Boots guests of an empty machine: what this host can execute does not depend on what is in them. */
async function probeOnce(guestsDirectory: string, signal: AbortSignal): Promise<AcceleratorProbe> {
  const { bootFiles } = await import('../runner/drivers/vm/boot-files.ts');
  const { probeAccelerator } = await import('../runner/drivers/vm/accelerator.ts');
  const root = join(guestsDirectory, 'empty');
  mkdirSync(root, { recursive: true });
  const base: BaseMachine = { name: 'nothing', digest: `sha256:${'e'.repeat(64)}`, root };
  const files = await bootFiles({ directory: guestsDirectory, base, diskBytes: 2 ** 30 }, signal);
  return probeAccelerator({ files, directory: guestsDirectory, signal });
}

function onPath(tool: string, path: string): boolean {
  return `${path}:/usr/sbin:/sbin`.split(delimiter).some((directory) => existsSync(join(directory, tool)));
}

function canOpen(path: string): boolean {
  try {
    closeSync(openSync(path, 'r+'));
    return true;
  } catch {
    return false;
  }
}
