import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MachineLost, MachineRefused } from '../../driver.ts';
import type { Field } from '../frames.ts';
import { encodeFrame, FrameReader } from '../frames.ts';

/** The files of the machine's init, in the order in which they are one program. */
const parts = 'system boot root commands terminals files copies layers state requests loop'.split(' ');
let program: string | null = null;

/** The machine's init; Perl names the file that a line of it comes from. */
function agentProgram(): string {
  program ??= parts
    .map((part) => `# line 1 "${part}.pl"\n${readFileSync(new URL(`./agent/${part}.pl`, import.meta.url), 'utf8')}`)
    .join('\n');
  return program;
}

/** What the agent answers with while a request is open. `exit`: code, or (where it was killed) an empty field and the signal's number. */
type Message = { readonly kind: string; readonly fields: readonly Buffer[] };

/** ENOTCONN and ECONNABORTED, in the words of the C locale: what a path below a view says once its server has died. */
const viewsGone = /: (Transport endpoint is not connected|Software caused connection abort)$/;

/** The machine's init, seen from outside: requests and what comes back for them. */
export class Agent implements AsyncDisposable {
  /** Its process id on the host: its namespaces are `/proc/<hostPid>/ns`. */
  readonly hostPid: number;
  /** Argv that enters its outer mount namespace. Not by its process id: it is elsewhere for a moment whenever it makes a root. */
  readonly enter: readonly string[];
  /** Resolves, with the reason, when it is gone. */
  readonly gone: Promise<string>;
  readonly #process: ChildProcess;
  readonly #open: Map<number, (message: Message) => void>;
  #next = 1;
  #goneWhy: string | null = null;

  private constructor(
    process: ChildProcess,
    identity: readonly [hostPid: string, outer: string],
    connection: Connection,
  ) {
    this.#process = process;
    const [hostPid, outer] = identity;
    this.hostPid = Number(hostPid);
    this.enter = ['nsenter', `--mount=/proc/${hostPid}/fd/${outer}`, '--'];
    this.#open = connection.open;
    this.gone = connection.gone;
    void this.gone.then((why) => {
      this.#goneWhy = why;
    });
  }

  /**
   * Starts it in new namespaces; `directory` holds what it mounts on (`root`, `proc`, `mqueue`, `etc`). It dies with this process: by the kernel's
   * hand where nothing stands between them, else because its standard input ends. Called from the main thread only: the kernel counts a thread's end.
   */
  static async boot(options: {
    readonly directory: string;
    readonly hostname: string;
    readonly userXattr: boolean;
    readonly signal: AbortSignal;
  }): Promise<Agent> {
    options.signal.throwIfAborted();
    const file = join(options.directory, 'agent.pl');
    writeFileSync(file, agentProgram(), { mode: 0o600 });
    const [command, ...argv] = [
      ...['setpriv', '--pdeathsig', 'KILL', '--'],
      ...[
        'unshare',
        '--kill-child',
        '--fork',
        '--pid',
        '--mount',
        '--propagation',
        'slave',
        '--ipc',
        '--uts',
        '--net',
        '--',
      ],
      ...['perl', file, options.directory, options.hostname, options.userXattr ? '1' : ''],
    ];
    const child = spawn(command ?? '', argv, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      detached: true,
    });
    const connection = connect(child);
    const abort = (): void => void child.kill('SIGKILL');
    options.signal.addEventListener('abort', abort, { once: true });
    try {
      const first = await Promise.race([connection.first, connection.gone]);
      if (typeof first === 'string') throw new MachineLost(`the machine did not start: ${first}`);
      const [detail, outer] = first.fields;
      if (first.kind !== 'ready')
        throw new MachineLost(`the machine did not start: ${detail?.toString() ?? first.kind}`);
      return new Agent(child, [String(detail), String(outer)], connection);
    } catch (error) {
      child.kill('SIGKILL');
      await connection.gone;
      options.signal.throwIfAborted();
      throw error;
    } finally {
      options.signal.removeEventListener('abort', abort);
    }
  }

  /** Why it is gone; null while it lives. */
  get lost(): string | null {
    return this.#goneWhy;
  }

  /** Asks for one thing and returns its answer. Throws what the agent could not do; rejects with `MachineLost` when it is gone. */
  async ask(what: string, ...fields: readonly Field[]): Promise<readonly Buffer[]> {
    if (this.#goneWhy !== null) throw new MachineLost(this.#goneWhy);
    const id = this.#next++;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#open.set(id, resolve);
    this.#process.stdin?.write(encodeFrame([id, what, ...fields]));
    const answer = await Promise.race([promise, this.gone]);
    this.#open.delete(id);
    if (typeof answer === 'string') throw new MachineLost(answer);
    if (answer.kind === 'ok') return answer.fields;
    const why = answer.fields[0]?.toString() ?? answer.kind;
    throw viewsGone.test(why) ? new MachineLost(why) : new AgentError(why);
  }

  /** Opens a request that answers more than once; the listener hears `started`, `output`, `exit` and `error` until it is closed. */
  stream(fields: readonly Field[], listener: (message: Message) => void): { readonly id: number; close(): void } {
    if (this.#goneWhy !== null) throw new MachineLost(this.#goneWhy);
    const id = this.#next++;
    this.#open.set(id, listener);
    this.#process.stdin?.write(encodeFrame([id, ...fields]));
    return { id, close: () => void this.#open.delete(id) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.gone;
  }
}

/** What the agent was asked for cannot be done; the machine is well. */
export class AgentError extends MachineRefused {
  override readonly name = 'AgentError';
}

interface Connection {
  readonly open: Map<number, (message: Message) => void>;
  readonly first: Promise<Message>;
  readonly gone: Promise<string>;
}

function connect(child: ChildProcess): Connection {
  const open = new Map<number, (message: Message) => void>();
  const first = Promise.withResolvers<Message>();
  const gone = Promise.withResolvers<string>();
  open.set(0, first.resolve);
  const frames = new FrameReader();
  let complaint = '';
  child.stdin?.on('error', () => {});
  child.stdout?.on('data', (chunk: Buffer) => {
    for (const [id, kind, ...fields] of frames.push(chunk)) {
      open.get(Number(id?.toString()))?.({ kind: kind?.toString() ?? '', fields });
    }
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = `${complaint}${chunk.toString()}`.slice(-4096);
  });
  child.once('error', (error) => gone.resolve(error.message));
  child.once('close', (code, signal) =>
    gone.resolve(complaint.trim() || `its init ended (${signal ?? `exit code ${code}`})`),
  );
  return { open, first: first.promise, gone: gone.promise };
}
