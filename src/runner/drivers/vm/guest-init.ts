import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import type { Call } from './calls.ts';
import { attempt, atWorkingDirectory as here, call, closeOnExec } from './calls.ts';
import { sayingInEtc } from './guest-identity.ts';
import { nameServer } from './guest-network.ts';
import { ask, jobGroups, machineGroup, telling } from './guest-processes.ts';
import { statCall, statOf } from './guest-stat.ts';
import { newGroups, newMounts } from './namespaces.ts';
import type { Session } from './session.ts';

/** The base's own init, where it has one; below /usr, too. */
export const systemd = '/lib/systemd/systemd';

/** mount(2). */
const flags = {
  ...{ readOnly: 1, noSetuid: 2, noDevices: 4, noPrograms: 8, remount: 32 },
  ...{ bind: 4096, move: 8192, recursive: 16_384, private: 1 << 18 },
};
const kernelMount = flags.noSetuid | flags.noDevices | flags.noPrograms;
const controllers = '+cpu +memory +pids +io';
const bootId = '/proc/sys/kernel/random/boot_id';

/** What systemd must not do here: take the machine's id for good, or run apt behind a job's back; nor is there anybody to log in. */
const maskedUnits: readonly string[] = [
  'systemd-machine-id-commit.service',
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'console-getty.service',
  'getty@tty1.service',
];

/** Makes the first process of new process identifiers a machine's init: the base's own where it has one, else one that only reaps. */
export async function becomeInit(session: Session, notifySocket: string): Promise<void> {
  await session.run(telling(`${machineGroup}/cgroup.procs`, '0'));
  await session.run([call('unshare', newGroups | newMounts)]);
  await session.run(telling(`${machineGroup}/init.scope/cgroup.procs`, '0'));
  for (const group of ['/sys/fs/cgroup', machineGroup, jobGroups]) {
    await session.run(telling(`${group}/cgroup.subtree_control`, controllers)).catch(() => {});
  }
  await mountRoot(session);
  await coverFiles(session);
  await bindModules(session);
  const ignored = Buffer.alloc(32);
  ignored.writeUInt8(ignoreSignal);
  const null_ = { resultOf: 4 };
  await session.run([
    call('chdir', '/machine'),
    call('mount', '.', '/', 0, flags.move, 0),
    call('chroot', '.'),
    call('chdir', '/'),
    call('openat', here, '/dev/null', constants.O_RDWR | closeOnExec, 0),
    ...[0, 1, 2].map((descriptor) => call('dup3', null_, descriptor, 0)),
  ]);
  const program = statOf((await session.run([statCall(`/usr${systemd}`)]))[0]);
  if (program === null) {
    // The kernel reaps for whoever does not want to know of its children's ends.
    await session.run([call('rt_sigaction', childEnded, ignored, 0, 8)]);
    return;
  }
  await maskUnits(session);
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  // It does not return.
  session
    .run([call('execve', systemd, { list: ['/sbin/init'] }, { list: [path, `NOTIFY_SOCKET=@${notifySocket}`] })])
    .catch(() => {});
}

const childEnded = 17;
const ignoreSignal = 1;

async function mountRoot(session: Session): Promise<void> {
  const directories = ['proc', 'sys', 'dev', 'run', 'tmp', 'etc'].map((name) => `/machine/${name}`);
  const links = { '/proc/self/fd': 'fd', 'fd/0': 'stdin', 'fd/1': 'stdout', 'fd/2': 'stderr' };
  await session.run([
    call('mount', 0, '/', 0, flags.recursive | flags.private, 0),
    call('mount', '/disk/machine', '/machine', 0, flags.bind, 0),
    ...directories.map((path) => attempt('mkdirat', here, path, 0o755)),
    call('mount', 'proc', '/machine/proc', 'proc', kernelMount, 0),
    call('mount', 'sysfs', '/machine/sys', 'sysfs', kernelMount, 0),
    call('mount', 'devtmpfs', '/machine/dev', 'devtmpfs', flags.noSetuid, 'mode=755'),
    call('mount', 'cgroup2', '/machine/sys/fs/cgroup', 'cgroup2', kernelMount, 0),
    attempt('mkdirat', here, '/machine/dev/pts', 0o755),
    attempt('mkdirat', here, '/machine/dev/shm', 0o1777),
    mountDevice('devpts', 'pts', flags.noSetuid | flags.noPrograms, 'ptmxmode=0666,mode=0620,gid=5'),
    mountDevice('tmpfs', 'shm', flags.noSetuid | flags.noDevices, 'mode=1777'),
    ...Object.entries(links).map(([target, name]) => attempt('symlinkat', target, here, `/machine/dev/${name}`)),
  ]);
}

function mountDevice(...[kind, name, how, options]: readonly [string, string, number, string]): Call {
  return attempt('mount', kind, `/machine/dev/${name}`, kind, how, options);
}

/** Lays the agent's files over those that would say something else about this machine. */
async function coverFiles(session: Session): Promise<void> {
  await session.run(sayingInEtc('resolv.conf', `nameserver ${nameServer}\n`));
  for (const name of ['resolv.conf', 'hostname', 'hosts', 'machine-id']) {
    const path = `/machine/etc/${name}`;
    const stat = statOf((await session.run([statCall(path)]))[0]);
    if (stat?.kind === 'link') await session.run([call('unlinkat', here, path, 0)]);
    const place = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | closeOnExec;
    await session.run([
      call('openat', here, path, place, 0o644),
      call('close', { resultOf: 0 }),
      call('mount', `/etc/${name}`, path, 0, flags.bind, 0),
    ]);
  }
  await session.run([attempt('mount', '/etc/boot_id', `/machine${bootId}`, 0, flags.bind, 0)]);
}

async function bindModules(session: Session): Promise<void> {
  const release = (await ask(session, '/proc/sys/kernel/osrelease'))?.trim() ?? '';
  const target = `/machine/lib/modules/${release}`;
  await session.run([
    attempt('mkdirat', here, '/machine/lib/modules', 0o755),
    attempt('mkdirat', here, target, 0o755),
    attempt('mount', '/disk/modules', target, 0, flags.bind, 0),
    attempt('mount', 0, target, 0, flags.bind | flags.remount | flags.readOnly, 0),
  ]);
}

async function maskUnits(session: Session): Promise<void> {
  const units = '/run/systemd/system';
  // The kernel's modules are there whether the base has a program for them or not.
  const kmod = statOf((await session.run([statCall('/bin/kmod')]))[0]);
  const masked = kmod === null ? [...maskedUnits, 'kmod-static-nodes.service'] : maskedUnits;
  await session.run([
    call('mount', 'tmpfs', '/run', 'tmpfs', flags.noSetuid | flags.noDevices, 'mode=755'),
    call('mkdirat', here, '/run/systemd', 0o755),
    call('mkdirat', here, units, 0o755),
    ...masked.map((unit) => attempt('symlinkat', '/dev/null', here, `${units}/${unit}`)),
  ]);
}
