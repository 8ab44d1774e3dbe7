import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type Answer, type Command, lineReader, toLine, wakeName } from './messages.ts';
import type { DeviceViewServer, ViewServer, ViewServerSpec } from './view-server.ts';

/** Why a view server serves no more; what `startViewServer` and every method reject with once it is gone. */
export class ViewServerLost extends Error {
  override readonly name = 'ViewServerLost';
}

/** The server's own program: beside this file in the sources; in dist/ it is a program of its own, and this file part of another or of a chunk. */
const program = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? './main.ts' : import.meta.url.replace(/(chunks\/)?[^/]*$/, 'view-server.cjs'),
    import.meta.url,
  ),
);

const patienceMs = 2000;

/**
 * Opens the device, mounts it at the first argument and becomes the server, which has it as `deviceDescriptor`. Positional mount(8): -i no helper, -n no
 * /etc/mtab.
 */
const mountScript = `unset PWD
[ -c /dev/fuse ] || { echo 'this host has no /dev/fuse' >&2; exit 1; }
exec 3<>/dev/fuse && mount -i -n -t fuse -o fd=3,rootmode=040000,user_id=0,group_id=0,ro,allow_other layer-views "$0" && exec "$@"`;

/**
 * Waits for a line, then looks up names which do not exist in the mount's root: each is one request, in order with all others. It is a process of
 * its own because one that waits for the mount while it holds the device open cannot be killed.
 */
const wakeScript = 'read -r ready && cd -P -- "$0" && while read -r name; do [ -e "$name" ]; done';

/**
 * Starts a server in the namespaces that `spec.enter` leads to, which must show the host's files (node, the manifests, the working tree) at
 * their paths. Resolves once it is mounted and answers. Rejects with `ViewServerLost` where it cannot be.
 */
export async function startViewServer(spec: ViewServerSpec): Promise<DeviceViewServer> {
  spec.signal.throwIfAborted();
  const { enter, mountpoint, trees, mtime, directorySeconds = null } = spec;
  const flags = ['--disable-warning=ExperimentalWarning'];
  const child = spawnShell(enter, [mountScript, mountpoint, process.execPath, ...flags, program]);
  const waker = spawnShell(enter, [wakeScript, mountpoint]);
  const secret = randomBytes(16).toString('hex');
  const server = new RunningViewServer({ child, waker, secret, signal: spec.signal });
  try {
    await server.open(toLine({ mountpoint, trees, mtime, directorySeconds, secret }));
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

type Process = ChildProcessByStdio<Writable, Readable, Readable>;

/** A shell that ends with this process, in a session of its own: Ctrl-C is the runner's to answer. It has none of its environment, which may hold secrets. */
function spawnShell(enter: readonly string[], script: readonly string[]): Process {
  const argv = [...enter, 'setpriv', '--pdeathsig', 'KILL', '/bin/sh', '-c', ...script];
  return spawn(argv[0] ?? 'setpriv', argv.slice(1), {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
}

type Waiting = { readonly resolve: (answer: Answer) => void; readonly reject: (error: ViewServerLost) => void };
type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

class RunningViewServer implements DeviceViewServer {
  readonly #child: Process;
  readonly #waker: Process;
  readonly #secret: string;
  readonly #signal: AbortSignal;
  readonly #closed: Promise<void>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #connection: number | null = null;
  #failure: string | null = null;
  #complaint = '';

  constructor(parts: {
    readonly child: Process;
    readonly waker: Process;
    readonly secret: string;
    readonly signal: AbortSignal;
  }) {
    const { child, waker } = parts;
    this.#child = child;
    this.#waker = waker;
    this.#secret = parts.secret;
    this.#signal = parts.signal;
    this.#signal.addEventListener('abort', this.#abort, { once: true });
    const ended = (one: Process, fail: (why: string) => void): Promise<void> =>
      new Promise((resolve) => {
        one.on('error', (error) => {
          fail(error.message);
          resolve();
        });
        one.on('close', (code, signalName) => {
          fail(`it ended with ${code ?? signalName}`);
          resolve();
        });
        one.stdin.on('error', () => {}); // The end of the process is reported by `close`.
      });
    let asleep = '';
    const served = ended(child, (why) => this.#fail(this.#complaint.trim() || asleep || why));
    // What nobody can wake is of no use. Where neither could start, either complaint says why.
    const woken = ended(waker, (why) => {
      asleep = `the process that wakes it is gone: ${asleep.trim() || why}`;
      child.kill('SIGKILL');
    });
    this.#closed = Promise.all([served, woken]).then(() => undefined);
    waker.stdout.resume();
    waker.stderr.setEncoding('utf8').on('data', (text: string) => (asleep = (asleep + text).slice(-4096)));
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (this.#complaint = (this.#complaint + text).slice(-4096)));
    child.stdout.setEncoding('utf8').on(
      'data',
      lineReader<Answer>((answer) => this.#receive(answer)),
    );
  }

  get failure(): string | null {
    return this.#failure;
  }

  /** Sends the opening and waits until the server is ready; it answers as if it were command 0. */
  async open(opening: string): Promise<void> {
    const answer = await this.#exchange(0, opening);
    if (answer.kind === 'ready') this.#connection = answer.connection;
    this.#waker.stdin.write('ready\n');
  }

  async addTree(name: string, manifest: string): Promise<void> {
    await this.#ask({ kind: 'tree', name, manifest });
  }

  async addView(spec: Parameters<ViewServer['addView']>[0]): Promise<void> {
    await this.#ask({ kind: 'view', spec });
  }

  async directories(
    paths: Parameters<DeviceViewServer['directories']>[0],
  ): ReturnType<DeviceViewServer['directories']> {
    const answer = await this.#ask({ kind: 'directories', paths });
    if (answer.kind !== 'directories') throw new Error(`a question for directories was answered with ${answer.kind}`);
    return answer.ordinals;
  }

  async cut(): ReturnType<ViewServer['cut']> {
    const answer = await this.#ask({ kind: 'cut' });
    if (answer.kind !== 'cut') throw new Error(`a cut was answered with ${answer.kind}`);
    return answer.cut;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail('it was shut down');
    this.#signal.removeEventListener('abort', this.#abort);
    for (const one of [this.#child, this.#waker]) {
      one.stdin.destroy();
      one.kill('SIGKILL');
    }
    if (await this.#closedWithin(patienceMs)) return;
    // A thread of the server that waits for the mount itself would keep the device open for ever.
    if (this.#connection !== null) abortConnection(this.#connection);
    await this.#closedWithin(patienceMs);
  }

  readonly #abort = (): void => void this[Symbol.asyncDispose]();

  async #ask(command: WithoutId<Command>): Promise<Answer> {
    const id = this.#nextId++;
    const answer = await this.#exchange(id, toLine({ id, ...command }));
    if (answer.kind === 'refused') throw new Error(`the view server refused: ${answer.why}`);
    return answer;
  }

  #exchange(id: number, line: string): Promise<Answer> {
    if (this.#failure !== null) return Promise.reject(lost(this.#failure));
    const answer = new Promise<Answer>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    this.#child.stdin.write(line);
    if (id > 0) this.#waker.stdin.write(`${wakeName(this.#secret, id)}\n`);
    return answer;
  }

  #receive(answer: Answer): void {
    if (answer.kind === 'ended') return this.#fail(answer.why);
    const id = answer.kind === 'ready' ? 0 : answer.id;
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }

  #fail(why: string): void {
    if (this.#failure !== null) return;
    this.#failure = why;
    for (const { reject } of this.#waiting.values()) reject(lost(why));
    this.#waiting.clear();
  }

  async #closedWithin(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)));
    const closed = await Promise.race([this.#closed.then(() => true), late]);
    clearTimeout(timer);
    return closed;
  }
}

function lost(why: string): ViewServerLost {
  return new ViewServerLost(`the view server is gone: ${why}`);
}

function abortConnection(connection: number): void {
  try {
    fs.writeFileSync(`/sys/fs/fuse/connections/${connection}/abort`, '1');
  } catch {
    // The fusectl file system is not mounted here.
  }
}
