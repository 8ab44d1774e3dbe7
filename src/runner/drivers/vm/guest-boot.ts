import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MachineRefused } from '../../driver.ts';
import { attempt, atWorkingDirectory as here, call, closeOnExec } from './calls.ts';
import type { Workers } from './children.ts';
import { identify } from './guest-identity.ts';
import { raiseNetwork } from './guest-network.ts';
import { becomeInit, systemd } from './guest-init.ts';
import { ask, jobGroups, machineGroup, namesIn, telling, viewsProgress } from './guest-processes.ts';
import { statCall, statOf } from './guest-stat.ts';
import type { Session } from './session.ts';

const diskMs = 10_000;
const mountFlags = { readOnly: 1, noSetuid: 2, noDevices: 4 };
/** Where the machine's init says that it has started everything, see sd_notify(3); an abstract name. */
const notifySocket = 'layer-init';

/**
 * Makes a machine of a guest whose agent has just come up: control groups, disk, network, views, and an init with process identifiers, mounts and control
 * groups of its own. Resolves with its process identifier, as the agent counts, once it has started what it starts by itself.
 */
export async function bootMachine(workers: Workers): Promise<number> {
  using session = workers.session();
  // Whatever else runs out of memory, the agent goes on, and all its children that do not say otherwise.
  await session.run(telling('/proc/1/oom_score_adj', '-1000'));
  const directories = ['/disk', '/machine', '/views', '/etc', '/tmp'];
  await session.run([
    ...directories.map((path) => call('mkdirat', here, path, 0o755)),
    call('mount', 'cgroup2', '/sys/fs/cgroup', 'cgroup2', 0, 0),
    ...[machineGroup, `${machineGroup}/init.scope`, jobGroups].map((path) => call('mkdirat', here, path, 0o755)),
  ]);
  await mountDisk(session);
  await raiseNetwork(session);
  await serveViews(session, workers);
  await identify(session, { hostname: 'machine', machineId: randomBytes(16).toString('hex') });
  const own = statOf((await session.run([statCall(`/disk/machine/usr${systemd}`)]))[0]) !== null;
  using listener = own ? await listenToInit(workers.session()) : null;
  const init = workers.start({ kind: 'vital', space: 'new' });
  await becomeInit(init.session, notifySocket);
  if (listener !== null) await hearReady(listener);
  return await init.pid;
}

async function mountDisk(session: Session): Promise<void> {
  const until = Date.now() + diskMs;
  for (;;) {
    const [mounted] = await session.run([attempt('mount', '/dev/vda', '/disk', 'ext4', 0, '')]);
    if (mounted?.value === 0) break;
    if (Date.now() > until) throw new MachineRefused('the disk cannot be mounted');
    await sleep(5);
  }
  await session.run([attempt('mkdirat', here, '/disk/layers', 0o700)]);
}

/** Mounts the views; a child of its own carries their requests from then on. */
async function serveViews(session: Session, workers: Workers): Promise<void> {
  const carrier = workers.start({ kind: 'vital' }).session;
  const both = constants.O_RDWR | constants.O_NONBLOCK | closeOnExec;
  const port = await portNamed(session, 'fuse');
  const zeros = Buffer.alloc(16);
  const [device, wire, progress] = await carrier.run([
    call('openat', here, '/dev/fuse', both, 0),
    call('openat', here, port, both, 0),
    call('openat', here, viewsProgress, constants.O_RDWR | constants.O_CREAT | closeOnExec, 0o600),
    call('write', { resultOf: 2 }, zeros, zeros.length),
  ]);
  const options = `fd=${device?.value},rootmode=40000,user_id=0,group_id=0,allow_other`;
  const flags = mountFlags.readOnly | mountFlags.noSetuid | mountFlags.noDevices;
  await carrier.run([call('mount', 'layer-views', '/views', 'fuse', flags, options)]);
  // Big files come in bigger pieces. By mountinfo, because a stat would be a request.
  const mountinfo = (await ask(carrier, '/proc/self/mountinfo')) ?? '';
  const number = /^\S+ \S+ (\S+) \/ \/views /m.exec(mountinfo)?.[1];
  await carrier.run(telling(`/sys/class/bdi/${number}/read_ahead_kb`, '1024'));
  // There is no answer to this, but where it could not.
  const serving = carrier.call('carry_views', device?.value ?? -1, wire?.value ?? -1, progress?.value ?? -1);
  serving.catch(() => {});
}

async function portNamed(session: Session, name: string): Promise<string> {
  for (const port of await namesIn(session, ports)) {
    const found = await ask(session, `${ports}/${port}/name`);
    if (found?.trim() === name) return `/dev/${port}`;
  }
  throw new MachineRefused(`there is no port ${name}`);
}

const ports = '/sys/class/virtio-ports';

async function listenToInit(session: Session): Promise<Session> {
  const address = Buffer.concat([Buffer.from([1, 0, 0]), Buffer.from(notifySocket)]);
  await session.run([
    call('socket', 1, 2 | closeOnExec, 0),
    call('bind', { resultOf: 0 }, address, address.length),
    call('dup3', { resultOf: 0 }, notifyDescriptor, closeOnExec),
  ]);
  return session;
}

const notifyDescriptor = 50;

async function hearReady(session: Session): Promise<void> {
  for (;;) {
    const said = (await session.call('recvfrom', notifyDescriptor, { filled: 4096 }, 4096, 0, 0, 0)).rooms[0];
    if (/^READY=1$/m.test(said?.toString() ?? '')) return;
  }
}
