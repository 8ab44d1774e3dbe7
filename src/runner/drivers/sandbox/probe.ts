import { execFile } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { findHierarchies, MachineCgroups } from './cgroup.ts';
import { ownedName } from './owner.ts';

/** One thing that the sandbox needs or can use, and what to do where it is missing: for `layer doctor`. */
export interface Probe {
  readonly what: string;
  readonly ok: boolean;
  /** Without it the driver refuses. */
  readonly required: boolean;
  readonly detail: string;
  /** The one line that mends it; null where nothing is to mend. */
  readonly remedy: string | null;
}

/** How probes see the host; tests bring other hosts. */
export interface Host {
  readonly uid: number;
  /** Effective capabilities, as /proc/self/status has them. */
  readonly capabilities: bigint;
  /** Whether this process is in a container, whose options then are to be changed instead of the host. */
  readonly inContainer: boolean;
  has(program: string): boolean;
  /** Opens for reading and writing; the error's code where that fails. */
  open(path: string): string | null;
  read(path: string): string | null;
  /** The number of the device that a path lies on; null where nothing is. */
  device(path: string): number | null;
  run(argv: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
}

const programs: readonly (readonly [program: string, debianPackage: string])[] = [
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['mount', 'mount'],
  ['perl', 'perl-base'],
  ['cp', 'coreutils'],
];

const dockerFlags =
  'docker run --device /dev/fuse --device /dev/net/tun --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt apparmor=unconfined --security-opt seccomp=unconfined';

/** CAP_SYS_ADMIN, capability(7). */
const systemAdministration = 1n << 21n;

/** Looks at everything the sandbox needs, by really doing it once. `storeDirectory` is where machines will keep their layers. */
export async function probeSandbox(storeDirectory: string, host: Host = thisHost()): Promise<readonly Probe[]> {
  const first = [probePrograms(host), await probePrivileges(host), probeFuse(host)];
  const able = first.every(({ ok, required }) => ok || !required);
  const overlay = able ? [await probeOverlay(storeDirectory, host)] : [];
  return [...first, ...overlay, ...(await probeCgroups(host)), probeNetwork(host)];
}

/**
 * The first thing that the sandbox cannot do without and that is missing here; null where nothing is. That overlays can be mounted is tried once for each boot
 * of the host and each file system, and then remembered in the store's directory.
 */
export async function sandboxProblem(storeDirectory: string, host: Host = thisHost()): Promise<Probe | null> {
  for (const probe of [probePrograms(host), await probePrivileges(host), probeFuse(host)]) if (!probe.ok) return probe;
  const file = join(storeDirectory, 'overlay-mounts');
  const where = (): string =>
    [host.read('/proc/sys/kernel/random/boot_id')?.trim(), host.device(storeDirectory), overlayMarks(host)].join(' ');
  if (host.read(file) === where()) return null;
  const overlay = await probeOverlay(storeDirectory, host);
  if (!overlay.ok) return overlay;
  try {
    writeFileSync(file, where(), { mode: 0o600 });
  } catch {
    // Then it is tried again the next time.
  }
  return null;
}

/**
 * The argv to put before `layer` itself so that the sandbox may be used: nothing for root, `sudo` where it asks nothing, a user namespace with
 * the caller's subordinate ids. Null where there is no way; `probeSandbox` says what to do about it.
 */
export async function elevation(host: Host = thisHost()): Promise<readonly string[] | null> {
  if (mayAdminister(host)) return [];
  if (host.uid === 0) return null;
  const sudo = ['sudo', '-n', '--preserve-env', '--'];
  if (host.has('sudo') && (await host.run([...sudo, 'true'])).code === 0) return sudo;
  const namespace = ['unshare', '--user', '--map-root-user', '--map-auto', '--'];
  return (await userNamespaceProblem(host, namespace)) === null ? namespace : null;
}

function probePrograms(host: Host): Probe {
  const missing = programs.filter(([program]) => !host.has(program));
  return {
    what: 'programs',
    ok: missing.length === 0,
    required: true,
    detail:
      missing.length === 0
        ? programs.map(([program]) => program).join(', ')
        : `${missing.map(([program]) => program).join(', ')} not found`,
    remedy: missing.length === 0 ? null : `apt install ${[...new Set(missing.map(([, from]) => from))].join(' ')}`,
  };
}

/** Whether this process may make machines. */
export async function probePrivileges(host: Host): Promise<Probe> {
  const probe = { what: 'privileges', required: true } as const;
  if (mayAdminister(host)) {
    return { ...probe, ok: true, detail: isWholeHost(host) ? 'root' : 'root of a user namespace', remedy: null };
  }
  if (host.uid === 0) {
    return {
      ...probe,
      ok: false,
      detail: 'root without CAP_SYS_ADMIN',
      remedy: host.inContainer ? dockerFlags : 'run layer outside this confinement',
    };
  }
  const prefix = await elevation(host);
  if (prefix !== null) {
    return { ...probe, ok: false, detail: 'not root', remedy: `${prefix.join(' ')} layer …` };
  }
  const problem = await userNamespaceProblem(host, ['unshare', '--user', '--map-root-user', '--map-auto', '--']);
  return {
    ...probe,
    ok: false,
    detail: `not root, ${host.has('sudo') ? 'sudo does not let this user in without a password' : 'there is no sudo'}, and ${problem?.detail}`,
    remedy: problem?.remedy ?? null,
  };
}

/** Why an unprivileged user cannot be root of a namespace here; null where it can. */
async function userNamespaceProblem(
  host: Host,
  namespace: readonly string[],
): Promise<{ readonly detail: string; readonly remedy: string } | null> {
  if (!host.has('newuidmap')) return { detail: 'newuidmap is missing', remedy: 'sudo apt install uidmap' };
  const user = (await host.run(['id', '-un'])).output.trim();
  const ranges = (host.read('/etc/subuid') ?? '').split('\n').map((line) => line.split(':'));
  const most = Math.max(
    0,
    ...ranges.filter(([name]) => name === user || name === String(host.uid)).map(([, , count]) => Number(count)),
  );
  if (most < 65_536) {
    return {
      detail: `/etc/subuid gives ${user} fewer than 65,536 ids`,
      remedy: `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}`,
    };
  }
  if (host.read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns')?.trim() === '1') {
    return {
      detail: 'AppArmor restricts user namespaces',
      remedy: 'sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0',
    };
  }
  if (host.read('/proc/sys/kernel/unprivileged_userns_clone')?.trim() === '0') {
    return { detail: 'user namespaces are switched off', remedy: 'sudo sysctl kernel.unprivileged_userns_clone=1' };
  }
  if (host.read('/proc/sys/user/max_user_namespaces')?.trim() === '0') {
    return { detail: 'user namespaces are switched off', remedy: 'sudo sysctl user.max_user_namespaces=15000' };
  }
  const { code, output } = await host.run([...namespace, 'true']);
  return code === 0
    ? null
    : { detail: `a user namespace cannot be made (${output.trim()})`, remedy: 'run layer as root' };
}

function probeFuse(host: Host): Probe {
  const failure = host.open('/dev/fuse');
  const remedy = host.inContainer ? dockerFlags : failure === 'ENOENT' ? 'modprobe fuse' : 'chmod 0666 /dev/fuse';
  return {
    what: '/dev/fuse',
    ok: failure === null,
    required: true,
    detail: failure === null ? 'can be opened' : `cannot be opened (${failure})`,
    remedy: failure === null ? null : remedy,
  };
}

async function probeOverlay(storeDirectory: string, host: Host): Promise<Probe> {
  const probe = { what: 'overlay', required: true } as const;
  let scratch: string;
  try {
    if (!existsSync(storeDirectory)) mkdirSync(storeDirectory);
    scratch = mkdtempSync(join(storeDirectory, '.probe-'));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { ...probe, ok: false, detail, remedy: '--store <a directory that can be written>' };
  }
  try {
    for (const name of ['lower', 'upper', 'work', 'root']) mkdirSync(join(scratch, name));
    // Volatile, as machines have it: else the file system would be synced as a whole when this is unmounted.
    const options = `lowerdir=lower,upperdir=upper,workdir=work,volatile,${overlayMarks(host)},metacopy=off,index=off,nfs_export=off,xino=off`;
    const script =
      'cd "$1" && mount -t overlay overlay -o "$2" root && mkdir root/d && rmdir root/d && echo x > root/f';
    const argv = ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c', script, 'sh', scratch, options];
    const { code, output } = await host.run(argv);
    if (code === 0) return { ...probe, ok: true, detail: `mounts on ${storeDirectory}`, remedy: null };
    if (!/\boverlay\b/.test(host.read('/proc/filesystems') ?? '')) {
      return { ...probe, ok: false, detail: 'this kernel has no overlay file system', remedy: 'modprobe overlay' };
    }
    const type = (await host.run(['stat', '-f', '-c', '%T', storeDirectory])).output.trim();
    return {
      ...probe,
      ok: false,
      detail: `the store's file system (${type}) cannot hold a machine's layers: ${complaint(output)}`,
      remedy: host.inContainer
        ? 'mount a volume and give it: --store /volume'
        : '--store <a directory on ext4, xfs or btrfs>',
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function overlayMarks(host: Host): string {
  return isWholeHost(host) ? 'redirect_dir=off' : 'userxattr';
}

/** Whether its root is that of the host, not of a user namespace. */
function isWholeHost(host: Host): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(host.read('/proc/self/uid_map') ?? '');
}

/** The line of mount(8) that says what is wrong. */
function complaint(output: string): string {
  const lines = output.trim().split('\n');
  return (lines.find((line) => line.startsWith('mount:')) ?? lines.at(-1) ?? '').trim();
}

async function probeCgroups(host: Host): Promise<readonly Probe[]> {
  const hierarchies = findHierarchies(host.read('/proc/self/mountinfo') ?? '');
  const probe = { what: 'control groups', required: false } as const;
  if (!mayAdminister(host)) return [{ ...probe, ok: false, detail: 'not tried without privileges', remedy: null }];
  const cgroups = new MachineCgroups(hierarchies, ownedName());
  const canFreeze = cgroups.canFreeze;
  const canLimit = cgroups.limitMemory(2 ** 30);
  await cgroups.remove();
  const remedy = host.inContainer
    ? `${dockerFlags} --cgroupns=private -v /sys/fs/cgroup:/sys/fs/cgroup:rw`
    : 'mount -t cgroup2 none /sys/fs/cgroup';
  return [
    {
      ...probe,
      ok: canFreeze,
      detail: canFreeze
        ? `version ${hierarchies.tracking?.version} stops processes`
        : 'none can be made: no state is kept while a process lives',
      remedy: canFreeze ? null : remedy,
    },
    {
      ...{ what: 'memory limit', required: false },
      ok: canLimit,
      detail: canLimit ? `version ${hierarchies.memory?.version}` : 'none can be set: MEMORY is not enforced',
      remedy: canLimit ? null : remedy,
    },
  ];
}

function probeNetwork(host: Host): Probe {
  const found = host.has('slirp4netns');
  const tunnel = host.open('/dev/net/tun');
  return {
    what: 'network',
    ok: found && tunnel === null,
    required: false,
    detail: !found
      ? 'slirp4netns is missing: machines have no way out'
      : tunnel === null
        ? 'slirp4netns'
        : `/dev/net/tun cannot be opened (${tunnel}): machines have no way out`,
    remedy: !found
      ? 'apt install slirp4netns'
      : tunnel === null
        ? null
        : host.inContainer
          ? dockerFlags
          : 'modprobe tun',
  };
}

function mayAdminister(host: Host): boolean {
  return host.uid === 0 && (host.capabilities & systemAdministration) !== 0n;
}

/** The host this process runs on. */
export function thisHost(): Host {
  const path = (process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin').split(delimiter);
  return {
    uid: process.getuid?.() ?? -1,
    capabilities: BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'}`),
    inContainer: existsSync('/.dockerenv') || existsSync('/run/.containerenv'),
    has: (program) => path.some((directory) => isExecutable(join(directory, program))),
    open(path) {
      try {
        closeSync(openSync(path, 'r+'));
        return null;
      } catch (error) {
        return error instanceof Error && 'code' in error ? String(error.code) : String(error);
      }
    },
    read(path) {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return null;
      }
    },
    device: (path) => statSync(path, { throwIfNoEntry: false })?.dev ?? null,
    run: ([file = '', ...argv]) =>
      new Promise((resolve) => {
        execFile(file, argv, { encoding: 'utf8', timeout: 30_000 }, (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
          resolve({ code, output: stdout + stderr });
        });
      }),
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
