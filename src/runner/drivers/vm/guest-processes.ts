import { MachineRefused } from '../../driver.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Call } from './calls.ts';
import { attempt, atWorkingDirectory as here, call, CallFailed, open, pieceBytes } from './calls.ts';
import { listGuestDirectory, readGuestFile } from './guest-files.ts';
import { entriesOf } from './guest-stat.ts';
import type { Session } from './session.ts';

/** The control group of all that is in the machine, as the agent sees it, and that of its jobs. */
export const machineGroup = '/sys/fs/cgroup/layer';
export const jobGroups = `${machineGroup}/jobs`;

/** How many directories are listed together. */
const together = 32;
const removeDirectory = 0x200;
const pollMs = 1;
const freezeMs = 30_000;
const killMs = 10_000;

/** Writes a word to a file of the kernel's. */
export function telling(path: string, word: string): readonly Call[] {
  const file = { resultOf: 0 };
  const bytes = Buffer.from(word);
  return [call('openat', here, path, open.write, 0), call('write', file, bytes, bytes.length), call('close', file)];
}

/** A file of the kernel's; null where it is gone, or says nothing about what is gone. */
export async function ask(session: Session, path: string): Promise<string | null> {
  try {
    return (await readGuestFile(session, path)).toString('latin1');
  } catch (error) {
    if (error instanceof CallFailed) return null;
    throw error;
  }
}

/** What each of some directories holds; nothing where it is gone. */
async function listAll(session: Session, paths: readonly string[]): Promise<readonly ReturnType<typeof entriesOf>[]> {
  const listings: ReturnType<typeof entriesOf>[] = [];
  for (let at = 0; at < paths.length; at += together) {
    const some = paths.slice(at, at + together);
    const results = await session.run(
      some.flatMap((path, n) => [
        attempt('openat', here, path, open.directory, 0),
        attempt('getdents64', { resultOf: 3 * n }, { filled: pieceBytes }, pieceBytes),
        attempt('close', { resultOf: 3 * n }),
      ]),
    );
    for (const [n, path] of some.entries()) {
      const listed = results[3 * n + 1]?.rooms[0] ?? Buffer.alloc(0);
      // It did not come whole.
      if (listed.length > pieceBytes / 2) listings.push(await listIfThere(session, path));
      else listings.push(entriesOf(listed));
    }
  }
  return listings;
}

async function listIfThere(session: Session, path: string): ReturnType<typeof listGuestDirectory> {
  try {
    const [opened] = await session.run([call('openat', here, path, open.directory, 0)]);
    const entries = await listGuestDirectory(session, opened?.value ?? -1);
    session.close(opened?.value ?? -1);
    return entries;
  } catch (error) {
    if (error instanceof CallFailed) return [];
    throw error;
  }
}

/** What a directory holds. */
export async function namesIn(session: Session, path: string): Promise<readonly string[]> {
  const [entries = []] = await listAll(session, [path]);
  return entries.map(({ name }) => name);
}

/** The control groups directly below a group, by name. */
export async function groupsBelow(session: Session, group: string): Promise<readonly string[]> {
  const [entries = []] = await listAll(session, [group]);
  return entries.flatMap(({ name, isDirectory }) => (isDirectory ? [name] : []));
}

/** The processes of a control group and of those below it. */
export async function processesOf(session: Session, group: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (let level = [group]; level.length > 0;) {
    for (const path of level) {
      const pids = (await ask(session, `${path}/cgroup.procs`)) ?? '';
      found.push(...pids.split('\n').filter((pid) => pid !== ''));
    }
    const listings = await listAll(session, level);
    level = level.flatMap((path, n) =>
      (listings[n] ?? []).flatMap(({ name, isDirectory }) => (isDirectory ? [`${path}/${name}`] : [])),
    );
  }
  return found;
}

/** Where links lead, by path; those that are gone are left out. */
export async function linksOf(session: Session, paths: readonly string[]): Promise<readonly string[]> {
  const targets: string[] = [];
  for (let at = 0; at < paths.length; at += 256) {
    const room = { filled: 4096 };
    const results = await session.run(
      paths.slice(at, at + 256).map((path) => attempt('readlinkat', here, path, room, 4096)),
    );
    for (const { value, rooms } of results) if (value >= 0) targets.push(rooms[0]?.toString('latin1') ?? '');
  }
  return targets;
}

/** What the descriptors of processes lead to. */
export async function descriptorsOf(session: Session, pids: readonly string[]): Promise<readonly string[]> {
  const directories = pids.map((pid) => `/proc/${pid}/fd`);
  const listings = await listAll(session, directories);
  const paths = directories.flatMap((path, n) => (listings[n] ?? []).map(({ name }) => `${path}/${name}`));
  return linksOf(session, paths);
}

/** A process as a person knows it: the last part of what it was started as, else the kernel's name for it. */
export async function processName(session: Session, pid: string): Promise<string> {
  const started = ((await ask(session, `/proc/${pid}/cmdline`)) ?? '').split('\0')[0] ?? '';
  const name = started.slice(started.lastIndexOf('/') + 1);
  if (name !== '') return Buffer.from(name, 'latin1').toString();
  return ((await ask(session, `/proc/${pid}/comm`)) ?? pid).trim();
}

/** TCP ports that processes listen on, ascending. */
export async function portsOf(session: Session, pids: readonly string[]): Promise<readonly number[]> {
  const descriptors = await descriptorsOf(session, pids);
  const own = new Set(descriptors.map((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1]));
  const ports = new Set<number>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of ((await ask(session, table)) ?? '').split('\n')) {
      const columns = line.trim().split(/\s+/);
      const port = Number.parseInt(columns[1]?.split(':').at(-1) ?? '', 16);
      if (columns[3] === '0A' && own.has(columns[9])) ports.add(port);
    }
  }
  return [...ports].sort((a, b) => a - b);
}

/** Stops every process of the machine, its init included; resolves when all stand still. */
export async function freezeMachine(session: Session): Promise<void> {
  await session.run(telling(`${machineGroup}/cgroup.freeze`, '1'));
  const until = Date.now() + freezeMs;
  while (!(await ask(session, `${machineGroup}/cgroup.events`))?.includes('frozen 1')) {
    if (Date.now() > until) throw new MachineRefused("the machine's processes could not be stopped");
    await sleep(pollMs);
  }
}

/** Lets them go on. */
export async function thawMachine(session: Session): Promise<void> {
  await session.run(telling(`${machineGroup}/cgroup.freeze`, '0'));
}

/** Kills every process of a group and removes it, once they are gone. */
export async function killGroup(session: Session, group: string): Promise<void> {
  await session.run(telling(`${group}/cgroup.kill`, '1')).catch((error: unknown) => {
    if (!(error instanceof CallFailed)) throw error;
  });
  const until = Date.now() + killMs;
  for (;;) {
    const [removed] = await session.run([attempt('unlinkat', here, group, removeDirectory)]);
    if (removed?.value === 0 || removed?.value === -noEntry) return;
    if (Date.now() > until) throw new MachineRefused('processes of a command could not be killed');
    await sleep(pollMs * 10);
  }
}

const noEntry = 2;

/** Waits until no request of the views' mount is open, and the kernel there has taken all that the host sent up to `sentBytes`. */
export async function drainViews(session: Session, sentBytes: number): Promise<void> {
  const until = Date.now() + 2 * freezeMs;
  for (;;) {
    const found = (await session.run(progressOfViews))[1]?.rooms[0];
    if (found === undefined || found.length < 16) throw new MachineRefused('the views are not served');
    if (found.readBigUInt64LE(0) === 0n && found.readBigUInt64LE(8) >= BigInt(sentBytes)) return;
    if (Date.now() > until) throw new MachineRefused('requests for files of the views are not being answered');
    await sleep(pollMs);
  }
}

/** Where the guest's carrier of requests writes how many are open, and how much it has taken from the host (u64 each). */
export const viewsProgress = '/run/views';

const progressOfViews: readonly Call[] = [
  call('openat', here, viewsProgress, open.read, 0),
  attempt('read', { resultOf: 0 }, { filled: 16 }, 16),
  call('close', { resultOf: 0 }),
];
