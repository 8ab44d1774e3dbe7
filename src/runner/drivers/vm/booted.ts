import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MachineLost } from '../../driver.ts';
import type { StreamViewServer, StreamViewServerSpec } from '../../fuse/view-server.ts';
import { GuestAgent } from './agent.ts';
import { connectFuse } from './fuse-port.ts';
import { readRecord } from './machine-record.ts';
import { savedFiles } from './saved-guest.ts';
import type { MachineOptions } from './virtual-machine.ts';
import { VirtualMachine } from './virtual-machine.ts';

export type ServeViews = (spec: StreamViewServerSpec) => StreamViewServer | { readonly unusable: string };

/** Where the states of booted machines lie that all machines begin from: in a directory named after what was booted, each under its record's digest. */
export interface BootedStates {
  /** Those that were booted from these files and options, by directory; the oldest first. */
  of(options: MachineOptions): Promise<readonly string[]>;
  /** The one that a saved machine stands on; null where it is gone. */
  named(digest: string): Promise<string | null>;
  /** Boots a machine, saves it and ends it; its directory. */
  add(options: MachineOptions): Promise<string>;
}

/** The states below a directory, which several processes may use at once. */
export function bootedStates(directory: string, serveViews: ServeViews): BootedStates {
  const places = (kind: string): Promise<readonly string[]> =>
    readdir(join(directory, kind)).then(
      (names) => names.filter((name) => /^[0-9a-f]{64}$/.test(name)).sort(),
      () => [],
    );
  return {
    async of(options) {
      const kind = kindOf(options);
      return await Promise.all((await places(kind)).map((name) => used(join(directory, kind, name))));
    },
    async named(digest) {
      const kinds = await readdir(directory).catch(() => []);
      for (const kind of kinds) if ((await places(kind)).includes(digest)) return used(join(directory, kind, digest));
      return null;
    },
    async add(options) {
      const kind = join(directory, kindOf(options));
      await mkdir(kind, { recursive: true, mode: 0o700 });
      const staged = join(kind, `staged-${randomUUID()}`);
      try {
        await bootInto(staged, options, serveViews);
        const digest = readRecord(staged)?.digest;
        if (digest === undefined) throw new Error('a machine was saved without a record');
        const place = join(kind, digest);
        await rename(staged, place);
        return place;
      } finally {
        await rm(staged, { recursive: true, force: true });
      }
    },
  };
}

/** Its time says when it was used last: who has to make room begins with the oldest. */
async function used(place: string): Promise<string> {
  const now = new Date();
  await utimes(place, now, now).catch(() => {});
  return place;
}

/** Raised whenever a machine comes out of its boot otherwise than before, though it is booted from the same files: see guest-init.ts. */
export const bootVersion = 1;

/** What machines must have in common to begin from one state. The counter's rate is no part of it: it is measured, and compared when a state is loaded. */
function kindOf(options: MachineOptions): string {
  const { kernel, initramfs, disk, memoryBytes, network, acceleration, kernelArguments } = options;
  const parts = [
    bootVersion,
    kernel.digest,
    initramfs.digest,
    disk.digest,
    memoryBytes,
    network,
    kernelArguments ?? [],
  ];
  return createHash('sha256')
    .update(JSON.stringify([...parts, acceleration.kind, acceleration.board]))
    .digest('hex')
    .slice(0, 32);
}

/** How long the machine's own init may take to start what it starts. */
const settleMs = 120_000;

async function bootInto(staged: string, options: MachineOptions, serveViews: ServeViews): Promise<void> {
  const { signal } = options;
  await using vm = await VirtualMachine.boot(options);
  const [fuse, agent] = await Promise.all([
    connectFuse(vm.fuseStream, { state: null, signal }).then((port) => {
      const views = serveViews({ stream: port.stream, trees: {}, mtime: 'plain', views: [], takeUp: null });
      if ('unusable' in views) throw new Error(`no views, and they are unusable: ${views.unusable}`);
      return { port, views };
    }),
    Promise.race([GuestAgent.connect(vm.agentStream, { state: null, signal }), vm.gone]),
  ]);
  if (typeof agent === 'string') throw new MachineLost(agent);
  await using views = fuse.views;
  await settle(agent, signal);
  await agent.freeze();
  await agent.drain(fuse.port.sentBytes);
  views.hold();
  await vm.hibernate({
    directory: staged,
    memory: 'image',
    extra: () => savedFiles({ agent: agent.state(), fuse: fuse.port.state(), views: views.save(), jobs: [] }),
  });
}

/** Waits until systemd, where it is the machine's init, has started what it starts by itself. */
async function settle(agent: GuestAgent, signal: AbortSignal): Promise<void> {
  const script = '[ -d /run/systemd/system ] && exec timeout "$1" systemctl is-system-running --wait || true';
  const job = agent.exec(
    {
      script: `set -- ${settleMs / 1000}\n${script}`,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      ...{ uid: 0, gid: 0, groups: [0], cwd: '/' },
    },
    { stays: false, output: () => {} },
  );
  await job.ended;
  signal.throwIfAborted();
}
