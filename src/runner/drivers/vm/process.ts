import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';

/** A QEMU that runs, and the ends of its channels. */
export interface QemuProcess {
  readonly pid: number;
  readonly control: Socket;
  readonly agent: Socket;
  readonly fuse: Socket;
  readonly incoming: Socket;
  /** Resolves, with the reason, when it has ended. */
  readonly gone: Promise<string>;
  /** Ends it. `why`: what `gone` says then. */
  kill(why?: string): void;
}

/** The channels' descriptors in QEMU, in the order of `stdio`; those of files follow. */
export const channelDescriptors = { control: 3, agent: 4, fuse: 5, incoming: 6 } as const;
export const firstFileDescriptor = 7;

/**
 * Starts QEMU in `directory`, its own. It dies with this process, by the kernel's hand; who is root starts it as `user`. Called from the main thread
 * only: the kernel counts a thread's end. Each of `files` (descriptors of this process) is inherited from `firstFileDescriptor` on.
 */
export function startQemu(options: {
  readonly program: string;
  readonly args: readonly string[];
  readonly directory: string;
  readonly files: readonly number[];
  readonly user: QemuUser | null;
  /** Argv that the whole stands behind: it enters a network namespace. */
  readonly enter: readonly string[];
}): QemuProcess {
  const drop =
    options.user === null
      ? []
      : [
          ...[`--reuid=${options.user.uid}`, `--regid=${options.user.uid}`],
          ...(options.user.groups.length === 0 ? ['--clear-groups'] : [`--groups=${options.user.groups.join(',')}`]),
          ...['--inh-caps=-all', '--bounding-set=-all'],
        ];
  // The kernel's promise counts from when it was given: who finds another parent by then has been left alone already.
  const unlessLeft = '[ "$PPID" = "$1" ] || exit 1; shift; ulimit -c 0; exec "$@"';
  const [command = '', ...argv] = [
    ...options.enter,
    ...['setpriv', ...drop, '--no-new-privs', '--pdeathsig', 'KILL', '--'],
    ...['sh', '-c', unlessLeft, 'sh', String(process.pid)],
    options.program,
    ...options.args,
  ];
  const child = spawn(command, argv, {
    cwd: options.directory,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', ...options.files],
    // One pool for all threads: others grow by a page at a time, with a system call for each.
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', MALLOC_ARENA_MAX: '1' },
    detached: true,
  });
  const end: { why: string | null } = { why: null };
  return {
    pid: child.pid ?? -1,
    control: channel(child, channelDescriptors.control),
    agent: channel(child, channelDescriptors.agent),
    fuse: channel(child, channelDescriptors.fuse),
    incoming: channel(child, channelDescriptors.incoming),
    gone: endOf(child, end),
    kill: (why) => {
      end.why ??= why ?? null;
      child.kill('SIGKILL');
    },
  };
}

/** Who QEMU runs as, where that is not who runs this. */
export interface QemuUser {
  readonly uid: number;
  /** Supplementary groups: the one that may use /dev/kvm. */
  readonly groups: readonly number[];
}

function channel(child: ChildProcess, descriptor: number): Socket {
  const stream = child.stdio[descriptor];
  if (!(stream instanceof Socket)) throw new Error(`QEMU's channel ${descriptor} is missing`);
  stream.on('error', () => {});
  return stream;
}

function endOf(child: ChildProcess, end: { readonly why: string | null }): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-4096);
  });
  child.once('error', (error) => resolve(error.message));
  // Not `close`: the channels may still hold what nobody reads.
  child.once('exit', (code, signal) => {
    setImmediate(() => resolve(end.why ?? reason(complaint, code, signal)));
  });
  return promise;
}

function reason(complaint: string, code: number | null, signal: NodeJS.Signals | null): string {
  const line = complaint.trim().split('\n').at(-1) ?? '';
  if (signal === 'SIGSYS') return 'QEMU did what its sandbox forbids';
  if (line !== '') return line;
  return signal === null ? `QEMU ended (exit code ${code}): the machine was shut down` : `QEMU was killed (${signal})`;
}
