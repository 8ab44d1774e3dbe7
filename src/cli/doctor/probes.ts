import { randomUUID } from 'node:crypto';
import { existsSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host, Probe } from '../../runner/drivers/sandbox/probe.ts';
import type { KnownGuests } from '../../world/drivers.ts';
import { makeDirectory } from '../../world/make-directory.ts';

const installed = (what: string, detail: string): Probe => ({ what, ok: true, required: false, detail, remedy: null });

/** The Node that runs `layer`; `version` as `process.version` has it. */
export function probeNode(version: string): Probe {
  const ok = Number(/^v([0-9]+)\./.exec(version)?.[1] ?? 0) >= 24;
  return {
    what: 'node',
    ok,
    required: true,
    detail: ok ? version : `${version} is too old`,
    remedy: ok ? null : 'install Node 24 or newer: https://nodejs.org/en/download',
  };
}

/** What repositories are read with. */
export async function probeGit(host: Host): Promise<Probe> {
  if (!host.has('git'))
    return { what: 'git', ok: false, required: true, detail: 'not found', remedy: 'apt install git' };
  const { output } = await host.run(['git', '--version']);
  return { ...installed('git', output.trim().replace(/^git version /, '')), required: true };
}

/** The store's file system: its type, its room, and whether copies share their blocks on it. */
export async function probeStore(directory: string, host: Host): Promise<readonly Probe[]> {
  const [from, to] = [join(directory, `.probe-${randomUUID()}`), join(directory, `.probe-${randomUUID()}`)];
  try {
    makeDirectory(directory);
    writeFileSync(from, 'x'.repeat(65_536));
  } catch (error) {
    if (existsSync(from)) rmSync(from);
    const detail = error instanceof Error ? error.message : String(error);
    return [
      { what: 'directory', ok: false, required: true, detail, remedy: '--store <a directory that can be written>' },
    ];
  }
  const { bavail, bsize } = statfsSync(directory);
  const type = (await host.run(['stat', '--file-system', '--format=%T', directory])).output.trim();
  try {
    const { code } = await host.run(['cp', '--reflink=always', from, to]);
    return [roomProbe(bavail * bsize, type), reflinkProbe(code === 0)];
  } finally {
    rmSync(from, { force: true });
    rmSync(to, { force: true });
  }
}

const gigabyte = 1024 ** 3;
/** A base machine, its layers and what they are made from. */
const leastRoomBytes = 2 * gigabyte;

/** Whether there is room for machines. */
export function roomProbe(freeBytes: number, type: string): Probe {
  const ok = freeBytes >= leastRoomBytes;
  return {
    what: 'room',
    ok,
    required: false,
    detail: `${(freeBytes / gigabyte).toFixed(1)} GiB free on ${type}`,
    remedy: ok ? null : '--store <a directory with 2 GiB free>',
  };
}

function reflinkProbe(ok: boolean): Probe {
  return {
    what: 'reflink',
    ok,
    required: false,
    detail: ok ? 'copies share their blocks' : 'copies are whole: a machine with RUN BACKGROUND is slower to keep',
    remedy: ok ? null : '--store <a directory on xfs or btrfs>',
  };
}

const unpackers: readonly (readonly [program: string, debianPackage: string])[] = [
  ['tar', 'tar'],
  ['zstd', 'zstd'],
  ['xz', 'xz-utils'],
];

/** What base machines are made with. Without mmdebstrap an image of a registry has to do. */
export async function probeBases(host: Host): Promise<readonly Probe[]> {
  const missing = unpackers.filter(([program]) => !host.has(program));
  return [
    await probeDebstrap(host),
    missing.length === 0
      ? installed('archives', unpackers.map(([program]) => program).join(', '))
      : {
          what: 'archives',
          ok: false,
          required: missing.some(([program]) => program === 'tar'),
          detail: `${missing.map(([program]) => program).join(', ')} not found`,
          remedy: `apt install ${missing.map(([, name]) => name).join(' ')}`,
        },
  ];
}

async function probeDebstrap(host: Host): Promise<Probe> {
  const missing = [
    ...(host.has('mmdebstrap') ? [] : ['mmdebstrap']),
    ...(host.read('/usr/share/keyrings/debian-archive-keyring.gpg') === null ? ['debian-archive-keyring'] : []),
  ];
  if (missing.length > 0) {
    return {
      what: 'mmdebstrap',
      ok: false,
      required: false,
      detail: `${missing.join(' and ')} not found: vm/debian is taken from a registry`,
      remedy: `apt install ${missing.join(' ')}`,
    };
  }
  const { output } = await host.run(['mmdebstrap', '--version']);
  return installed('mmdebstrap', `${output.trim().replace(/^mmdebstrap /, '')}, for vm/debian`);
}

/** What booting a guest showed, the last time that a run had to find out; nothing is booted here, since that takes a while and leaves a kernel behind. */
export function probeGuests(known: KnownGuests | null): Probe {
  const say = (ok: boolean, detail: string, remedy: string | null): Probe => ({
    ...{ what: 'guests', ok, required: false, detail, remedy },
  });
  if (known === null) return say(true, 'none was booted yet; the first run with --driver vm tries', null);
  if (known.accelerator === 'kvm') return say(true, 'boot under KVM', null);
  const why = known.failures.find(({ accelerator }) => accelerator === 'kvm')?.why ?? 'KVM was not tried';
  if (known.accelerator === 'tcg')
    return say(false, `boot in software, many times slower; KVM: ${why}`, 'a host with KVM');
  return say(false, `do not boot: ${known.failures.map((one) => one.why).join('; ')}`, null);
}

/** What the VM driver would use: the accelerator, and QEMU. */
export async function probeVirtualMachines(host: Host, architecture: string): Promise<readonly Probe[]> {
  const kvm = host.open('/dev/kvm');
  const program = `qemu-system-${architecture === 'arm64' ? 'aarch64' : 'x86_64'}`;
  const kvmRemedy =
    kvm === 'ENOENT'
      ? 'switch virtualization on, in the firmware or in the machine above this one'
      : 'sudo usermod --append --groups kvm $USER';
  return [
    kvm === null
      ? installed('/dev/kvm', 'can be opened')
      : {
          what: '/dev/kvm',
          ok: false,
          required: false,
          detail: `cannot be opened (${kvm}): machines are emulated, and slow`,
          remedy: kvmRemedy,
        },
    host.has(program)
      ? installed(
          'QEMU',
          (await host.run([program, '--version'])).output.split('\n')[0]?.replace(/^QEMU emulator version /, '') ?? '',
        )
      : {
          what: 'QEMU',
          ok: false,
          required: false,
          detail: `${program} not found: no virtual machines`,
          remedy:
            architecture === 'arm64'
              ? 'apt install qemu-system-arm qemu-utils'
              : 'apt install qemu-system-x86 qemu-utils',
        },
  ];
}
