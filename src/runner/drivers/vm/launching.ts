import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import type { Field } from '../frames.ts';
import type { Call, Result } from './calls.ts';
import { attempt, atWorkingDirectory as here, bytesAsText, call, closeOnExec, joined, open } from './calls.ts';
import { jobGroups, machineGroup, telling } from './guest-processes.ts';
import { enterMachine } from './namespaces.ts';
import type { Session } from './session.ts';

/** A command to start: always bash, in a session and a control group of its own. */
export interface Launch {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** As bytes: names in a machine need not be text. */
  readonly cwd: Field;
}

/** The process identifiers of the machine with this init. */
export function spaceOf(init: number): { readonly file: string } {
  return { file: `/proc/${init}/ns/pid` };
}

const output = 1;
/** bash reads the script from there. */
const scriptDescriptor = 9;
const memoryDescriptor = { closeOnExec: 1 };
const ioctls = { controllingTerminal: 0x540e };
const resources = { core: 4, descriptors: 7 };
const mostDescriptors = [65_536, 1_048_576] as const;
const unchanged = -1;

/**
 * Makes a child of the agent's a job's bash: in its control group, in the machine, as its user. With `tty`, on a terminal of the machine's. Resolves with
 * how many processes the kernel had killed for want of memory; `heard` hears what it says from then on. Rejects with `CallFailed`, of `chdir` where its
 * directory is not there.
 */
export async function startJob(
  session: Session,
  job: {
    readonly id: number;
    readonly launch: Launch;
    readonly init: number;
    readonly tty: string | null;
    readonly heard: (bytes: Buffer) => void;
  },
): Promise<number> {
  const { id, launch, init, tty, heard } = job;
  const group = `${jobGroups}/${id}`;
  const script = Buffer.from(launch.script);
  const file = { resultOf: 0 };
  const results = await session.become(
    joined(
      memoryEvents,
      [call('mkdirat', here, group, 0o755)],
      // In its group before anything else: there it cannot be overlooked, nor run while the machine stands still.
      telling(`${group}/cgroup.procs`, '0'),
      telling('/proc/self/oom_score_adj', '0'),
      [
        call('memfd_create', 'script', memoryDescriptor.closeOnExec),
        ...(script.length === 0 ? [] : [call('write', file, script, script.length)]),
        call('fchown', file, launch.uid, launch.gid),
        call('dup3', file, scriptDescriptor, 0),
      ],
      enterMachine(init),
      [call('setsid')],
      tty === null ? withoutInput : onTerminal(tty, launch.uid),
      [
        call('prlimit64', 0, resources.core, limits(0, 0), 0),
        call('prlimit64', 0, resources.descriptors, limits(...mostDescriptors), 0),
        call('umask', 0o022),
        call('setgroups', launch.groups.length, numbers(launch.groups)),
        call('setresgid', launch.gid, launch.gid, launch.gid),
        call('setresuid', launch.uid, launch.uid, launch.uid),
        call('chdir', bytesAsText(launch.cwd)),
      ],
    ),
    becomingBash(launch),
    heard,
  );
  return memoryKillsIn(results);
}

/** Reads how many processes of the machine the kernel has killed for want of memory; the first of a batch. */
export const memoryEvents: readonly Call[] = [
  call('openat', here, `${machineGroup}/memory.events`, open.read, 0),
  call('read', { resultOf: 0 }, { filled: 4096 }, 4096),
  call('close', { resultOf: 0 }),
];

/** What it found. */
export function memoryKillsIn(results: readonly Result[]): number {
  return Number(/^oom_kill (\d+)$/m.exec(results[1]?.rooms[0]?.toString() ?? '')?.[1] ?? 0);
}

const withoutInput: readonly Call[] = [
  call('openat', here, '/dev/null', open.read, 0),
  call('dup3', { resultOf: 0 }, 0, 0),
  call('dup3', output, 2, 0),
];

function onTerminal(tty: string, uid: number): readonly Call[] {
  const terminal = { resultOf: 0 };
  return [
    call('openat', here, tty, constants.O_RDWR | closeOnExec, 0),
    call('ioctl', terminal, ioctls.controllingTerminal, 0),
    call('fchown', terminal, uid, unchanged),
    ...[0, 1, 2].map((descriptor) => call('dup3', terminal, descriptor, 0)),
  ];
}

function becomingBash(launch: Launch): readonly Call[] {
  const words = {
    list: ['bash', '-c', `eval "exec ${scriptDescriptor}<&-; $(</proc/self/fd/${scriptDescriptor})"`, 'bash'],
  };
  const environment = { list: Object.entries(launch.env).map(([name, value]) => `${name}=${value}`) };
  const missing = Buffer.from('layer: bash is not in this machine\n');
  return [
    attempt('execve', '/bin/bash', words, environment),
    attempt('execve', '/usr/bin/bash', words, environment),
    attempt('write', output, missing, missing.length),
    attempt('exit_group', 127),
  ];
}

function numbers(list: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * list.length);
  for (const [n, number] of list.entries()) bytes.writeUInt32LE(number, 4 * n);
  return bytes;
}

function limits(soft: number, hard: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(BigInt(soft), 0);
  bytes.writeBigUInt64LE(BigInt(hard), 8);
  return bytes;
}
