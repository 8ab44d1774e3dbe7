import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { getSystemErrorMessage } from 'node:util';
import { MachineRefused } from '../../driver.ts';
import type { Field } from '../frames.ts';
import { encodeFrame } from '../frames.ts';

/** System calls that the agent does for the host; those that every architecture has, by the kernel's names (syscalls(2)). */
export type CallName =
  /** Not the kernel's: becomes what carries the requests of a FUSE device to the host and back (views.c). */
  | 'carry_views'
  | 'bind'
  | 'chdir'
  | 'chroot'
  | 'clock_settime'
  | 'close'
  | 'connect'
  | 'dup3'
  | 'execve'
  | 'exit_group'
  | 'fchdir'
  | 'fchmod'
  | 'fchmodat'
  | 'fchown'
  | 'fchownat'
  | 'getdents64'
  | 'ioctl'
  | 'lgetxattr'
  | 'linkat'
  | 'llistxattr'
  | 'lsetxattr'
  | 'memfd_create'
  | 'mkdirat'
  | 'mknodat'
  | 'mount'
  | 'move_mount'
  | 'open_tree'
  | 'openat'
  | 'openat2'
  | 'pidfd_getfd'
  | 'pidfd_open'
  | 'prlimit64'
  | 'pread64'
  | 'read'
  | 'readlinkat'
  | 'recvfrom'
  | 'renameat2'
  | 'rt_sigaction'
  | 'sendfile'
  | 'sendto'
  | 'setgroups'
  | 'sethostname'
  | 'setns'
  | 'setresgid'
  | 'setresuid'
  | 'setsid'
  | 'shutdown'
  | 'socket'
  | 'statx'
  | 'symlinkat'
  | 'sync'
  | 'umask'
  | 'umount2'
  | 'unlinkat'
  | 'unshare'
  | 'utimensat'
  | 'write';

/**
 * An argument: a number; a text (its end is added) or bytes as they are; what an earlier call of the batch returned; texts as a list of pointers; room for
 * an answer, all of which comes back, or (`filled`) as much as the call says that it filled.
 */
export type Argument =
  | number
  | string
  | Uint8Array
  | { readonly resultOf: number }
  | { readonly list: readonly Field[] }
  | { readonly room: number }
  | { readonly filled: number };

/** One call of a batch. */
export interface Call {
  readonly name: CallName;
  readonly arguments: readonly Argument[];
  /** Whether the batch goes on where it fails. */
  readonly mayFail: boolean;
}

/** What a call returned, or the negated errno, and what came into its rooms. */
export interface Result {
  readonly value: number;
  readonly rooms: readonly Buffer[];
}

/** A call that the batch ends with where it fails. */
export function call(name: CallName, ...given: readonly Argument[]): Call {
  return { name, arguments: given, mayFail: false };
}

/** A call whose failure the caller looks at, or does not mind. */
export function attempt(name: CallName, ...given: readonly Argument[]): Call {
  return { name, arguments: given, mayFail: true };
}

/** Batches as one, one behind the other: what each says of results stays within it. */
export function joined(...batches: readonly (readonly Call[])[]): readonly Call[] {
  const all: Call[] = [];
  for (const batch of batches) {
    const first = all.length;
    for (const one of batch) {
      const given = one.arguments.map((argument) =>
        typeof argument === 'object' && 'resultOf' in argument ? { resultOf: argument.resultOf + first } : argument,
      );
      all.push({ ...one, arguments: given });
    }
  }
  return all;
}

/** A call of a batch failed; those before it were done. The message says of what: `/etc/none: No such file or directory`. */
export class CallFailed extends MachineRefused {
  override readonly name = 'CallFailed';
  readonly failed: CallName;
  /** As `ENOENT`. */
  readonly code: string;
  /** Which of the batch's calls. */
  readonly at: number;
  /** What those before it returned, and it. */
  readonly results: readonly Result[];

  constructor(failed: { readonly call: Call; readonly at: number; readonly results: readonly Result[] }) {
    const errno = -(failed.results[failed.at]?.value ?? 0);
    const subject = failed.call.arguments.find((one) => typeof one === 'string' && one !== '') ?? failed.call.name;
    super(`${Buffer.from(String(subject), 'latin1').toString()}: ${messageOf(errno)}`);
    this.failed = failed.call.name;
    this.code = codeOf(errno);
    this.at = failed.at;
    this.results = failed.results;
  }
}

/** A path, or another text, of any bytes: a string with a character for each byte. Batches take texts so. */
export function bytesAsText(bytes: Field): string {
  return Buffer.from(bytes as string).toString('latin1');
}

/** A batch as it goes to the agent (calls.c says how). */
export function encodeBatch(batch: readonly Call[]): Buffer {
  const fields: Buffer[] = [];
  for (const { name, arguments: given, mayFail } of batch) {
    fields.push(Buffer.from(`c${mayFail ? '?' : ''}${name}`));
    for (const one of given) fields.push(encodeArgument(one));
  }
  return encodeFrame(fields);
}

/** The results in a frame of the agent's; the calls of the batch say which fields are rooms. */
export function decodeResults(batch: readonly Call[], fields: readonly Buffer[]): readonly Result[] {
  const results: Result[] = [];
  let at = 0;
  for (const { arguments: given } of batch) {
    const value = fields[at++];
    if (value === undefined) break;
    const rooms = given.filter((one) => typeof one === 'object' && ('room' in one || 'filled' in one)).length;
    results.push({ value: Number(value.readBigInt64BE()), rooms: fields.slice(at, at + rooms) });
    at += rooms;
  }
  return results;
}

function encodeArgument(given: Argument): Buffer {
  if (typeof given === 'number') return numeric('i', given);
  if (typeof given === 'string') return Buffer.from(`s${given}\0`, 'latin1');
  if (given instanceof Uint8Array) return Buffer.concat([Buffer.from('s'), given]);
  if ('resultOf' in given) return numeric('r', given.resultOf);
  if ('room' in given) return numeric('o', given.room);
  if ('filled' in given) return numeric('b', given.filled);
  const texts = given.list.map((text) => Buffer.concat([Buffer.from(text as string), Buffer.of(0)]));
  return Buffer.concat([Buffer.from('l'), ...texts]);
}

function numeric(letter: string, value: number): Buffer {
  const bytes = Buffer.alloc(9, letter, 'latin1');
  bytes.writeBigInt64BE(BigInt(value), 1);
  return bytes;
}

const codes = new Map(Object.entries(system.errno).map(([code, errno]) => [errno, code]));

function codeOf(errno: number): string {
  return codes.get(errno) ?? `E${errno}`;
}

/** As a person reads it; Node says it without a capital. */
export function messageOf(errno: number): string {
  const message = getSystemErrorMessage(-errno) ?? `error ${errno}`;
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}`;
}

// Numbers of the kernel's interface that Node does not know, the same on every architecture of 64 bits. The others are Node's: guests are of the host's kind.

export const atWorkingDirectory = -100;
export const noFollow = 0x100;
export const closeOnExec = 0o2000000;
export const pathOnly = 0o10000000;
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY } = constants;
/** How files are opened. */
export const open = {
  read: O_RDONLY | closeOnExec,
  readNoLink: O_RDONLY | O_NOFOLLOW | closeOnExec,
  directory: O_RDONLY | O_DIRECTORY | closeOnExec,
  directoryNoLink: O_RDONLY | O_DIRECTORY | O_NOFOLLOW | closeOnExec,
  write: O_WRONLY | closeOnExec,
  /** In place: a file that is mounted elsewhere stays the same one. */
  replace: O_WRONLY | O_CREAT | O_TRUNC | closeOnExec,
  create: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | closeOnExec,
  place: pathOnly | O_DIRECTORY | closeOnExec,
  placeNoLink: pathOnly | O_DIRECTORY | O_NOFOLLOW | closeOnExec,
} as const;

/** What one piece of a file or a listing is at most. */
export const pieceBytes = 1 << 16;
