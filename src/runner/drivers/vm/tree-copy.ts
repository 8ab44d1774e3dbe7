import { MachineRefused } from '../../driver.ts';
import { attempt, atWorkingDirectory as here, call, open } from './calls.ts';
import { listGuestDirectory, removeGuestTree } from './guest-files.ts';
import { statCall, statOf, timesOf, type GuestStat } from './guest-stat.ts';
import type { Namespaces } from './namespaces.ts';
import type { Session } from './session.ts';

/** What one sendfile(2) copies at most. */
const mostCopied = 0x7ffff000;

/** Copies what a directory of the agent's holds into one of the machine's, over what is there. The kernel there copies: nothing comes to the host. */
export async function copyGuestTree(
  session: Session,
  given: { readonly from: string; readonly to: string; readonly namespaces: Namespaces },
): Promise<void> {
  const [from] = await session.run([call('openat', here, given.from, open.directory, 0)]);
  await given.namespaces.enterMounts(session);
  const [to] = await session.run([call('openat', here, given.to, open.directory, 0)]);
  await copyDirectory(session, { from: from?.value ?? -1, to: to?.value ?? -1 });
  await given.namespaces.leaveMounts(session);
}

/** Two open directories. */
interface Pair {
  readonly from: number;
  readonly to: number;
}

async function copyDirectory(session: Session, { from, to }: Pair): Promise<void> {
  for (const { name } of await listGuestDirectory(session, from)) {
    const [found, old] = await session.run([statCall(name, from), statCall(name, to)]);
    const stat = statOf(found);
    if (stat === null) throw new MachineRefused(`${name} is gone from a view`);
    const there = statOf(old);
    const both = stat.kind === 'directory' && there?.kind === 'directory';
    if (there !== null && !both) await removeGuestTree(session, to, name);
    if (stat.kind === 'directory') await copySubdirectory(session, { from, to }, { name, stat });
    else if (stat.kind === 'link') await copyLink(session, { from, to }, name);
    else await copyFile(session, { from, to }, { name, stat });
  }
}

interface Named {
  readonly name: string;
  readonly stat: GuestStat;
}

async function copySubdirectory(session: Session, { from, to }: Pair, { name, stat }: Named): Promise<void> {
  const results = await session.run([
    attempt('mkdirat', to, name, 0o700),
    call('openat', from, name, open.directoryNoLink, 0),
    call('openat', to, name, open.directoryNoLink, 0),
  ]);
  const inside = { from: results[1]?.value ?? -1, to: results[2]?.value ?? -1 };
  await copyDirectory(session, inside);
  await session.run([
    call('fchown', inside.to, stat.uid, stat.gid),
    call('fchmod', inside.to, stat.mode),
    call('close', inside.from),
    call('close', inside.to),
  ]);
}

async function copyLink(session: Session, { from, to }: Pair, name: string): Promise<void> {
  const target = (await session.call('readlinkat', from, name, { filled: 4096 }, 4096)).rooms[0];
  await session.run([call('symlinkat', target?.toString('latin1') ?? '', to, name)]);
}

async function copyFile(session: Session, { from, to }: Pair, { name, stat }: Named): Promise<void> {
  const [input, output] = await session.run([
    call('openat', from, name, open.readNoLink, 0),
    call('openat', to, name, open.create, 0o600),
  ]);
  const [source, copy] = [input?.value ?? -1, output?.value ?? -1];
  // An empty file is read as any other: that it is empty is what it holds.
  while ((await session.call('sendfile', copy, source, 0, mostCopied)).value > 0) continue;
  await session.run([
    call('fchown', copy, stat.uid, stat.gid),
    call('fchmod', copy, stat.mode),
    call('utimensat', to, name, timesOf(stat.modified), 0x100),
    call('close', source),
    call('close', copy),
  ]);
}
