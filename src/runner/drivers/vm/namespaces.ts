import type { Call } from './calls.ts';
import { atWorkingDirectory as here, call, open } from './calls.ts';
import type { Session } from './session.ts';

export const newMounts = 0x00020000;
export const newGroups = 0x02000000;

/** The two views of the file system in a guest: the agent's and the machine's. */
export interface Namespaces {
  /** Makes the machine's files the session's. */
  enterMounts(session: Session): Promise<void>;
  /** Makes the agent's files the session's again. */
  leaveMounts(session: Session): Promise<void>;
}

/** Puts a session into the machine for good: its root, its mounts, its control groups. */
export function enterMachine(init: number): readonly Call[] {
  return [
    call('openat', here, `/proc/${init}/ns/cgroup`, open.read, 0),
    call('openat', here, `/proc/${init}/ns/mnt`, open.read, 0),
    call('setns', { resultOf: 0 }, newGroups),
    call('setns', { resultOf: 1 }, newMounts),
    call('close', { resultOf: 0 }),
    call('close', { resultOf: 1 }),
  ];
}

/** The way between the agent's mounts and those of the machine whose init this is, for one session that is at the agent's. */
export async function namespacesFor(session: Session, init: number): Promise<Namespaces> {
  const [own, machine] = await session.run([
    call('openat', here, '/proc/self/ns/mnt', open.read, 0),
    call('openat', here, `/proc/${init}/ns/mnt`, open.read, 0),
  ]);
  return {
    enterMounts: async (one) => void (await one.run([call('setns', machine?.value ?? -1, newMounts)])),
    leaveMounts: async (one) => void (await one.run([call('setns', own?.value ?? -1, newMounts)])),
  };
}
