import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/** What a job runs on: a hosted runner (uid 1001 with sudo), or a container, where it is root. */
export type MachineKind = 'runner' | 'container';

/** A process of a machine. `signal` is sent by the runner's own user, as on GitHub. */
export interface MachineProcess {
  readonly exit: Promise<number>;
  signal(name: 'INT' | 'TERM' | 'KILL'): void;
}

export interface ProcessSpec {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  output(text: string): void;
}

/** A fresh machine for a job: the base's files below an overlay, namespaces and a loopback of its own. */
export class JobMachine implements AsyncDisposable {
  readonly #directory: string;
  readonly #holder: ChildProcess;
  readonly #pid: number;
  readonly workspace: string;
  readonly temp: string;
  readonly #uid: number;

  private constructor(started: { directory: string; holder: ChildProcess; pid: number; kind: MachineKind }) {
    this.#directory = started.directory;
    this.#holder = started.holder;
    this.#pid = started.pid;
    const work = workOf(started.kind);
    this.workspace = `${work}/r/r`;
    this.temp = `${work}/_temp`;
    this.#uid = started.kind === 'runner' ? 1001 : 0;
  }

  static async start(base: string, kind: MachineKind): Promise<JobMachine> {
    const directory = mkdtempSync(join(tmpdir(), 'layer-test-job-'));
    for (const name of ['upper', 'work', 'root']) mkdirSync(join(directory, name), { mode: 0o755 });
    const argv = ['-m', '-p', '-n', '-i', '-u', '-f', '--kill-child', 'bash', '-c', startScript, 'start'];
    const holder = spawn('unshare', [...argv, base, directory, workOf(kind), kind], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise<void>((resolve, reject) => {
      holder.stdout?.on('data', (chunk: Buffer) => {
        if (chunk.includes('ready')) resolve();
      });
      holder.on('exit', (code) => reject(new Error(`the job's machine did not start (${code})`)));
    });
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8');
    return new JobMachine({ directory, holder, pid: Number(children.trim().split(' ')[0]), kind });
  }

  /** Where the host finds a path of the machine. */
  host(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** Writes a file as the runner's user would. */
  write(path: string, content: string | Uint8Array, mode = 0o644): void {
    this.directory(posix.dirname(path));
    writeFileSync(this.host(path), content);
    chmodSync(this.host(path), mode);
    chownSync(this.host(path), this.#uid, this.#uid);
  }

  /** Puts a directory of the host where the host has it. */
  copyIn(path: string): void {
    mkdirSync(this.host(dirname(path)), { recursive: true });
    execFileSync('cp', ['-a', path, this.host(path)]);
  }

  directory(path: string): void {
    if (existsSync(this.host(path))) return;
    if (path === '/') throw new Error("the job's machine is gone");
    this.directory(dirname(path));
    mkdirSync(this.host(path), { mode: 0o755 });
    chownSync(this.host(path), this.#uid, this.#uid);
  }

  /** Gives all of a directory to the runner's user. */
  async own(path: string): Promise<void> {
    await this.#enter(['chown', '-R', `${this.#uid}:${this.#uid}`, path], 0);
  }

  spawn({ argv, env, cwd, output }: ProcessSpec): MachineProcess {
    // One pipe for both, so that lines stay in order.
    const together = ['sh', '-c', 'exec "$@" 2>&1', 'sh', ...argv];
    const child = spawn('nsenter', [...this.#namespaces(this.#uid, cwd), ...together], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const decoder = new StringDecoder('utf8');
    child.stdout.on('data', (chunk: Buffer) => output(decoder.write(chunk)));
    // What a step leaves running holds the pipes open: GitHub's runner goes on when the process itself has ended.
    const exit = new Promise<number>((resolve) => {
      child.on('exit', (code) => setTimeout(() => resolve(code ?? 1), 30));
      child.on('error', () => resolve(127));
    });
    return { exit, signal: (name) => void this.#signal(child, name) };
  }

  async #signal(child: ChildProcess, name: string): Promise<void> {
    const inner = innerPid(child.pid ?? 0);
    if (inner !== null) await this.#enter(['kill', `-${name}`, String(inner)], this.#uid);
  }

  #namespaces(uid: number, cwd: string): readonly string[] {
    const places = [`--root=${this.host('')}`, `--wd=${this.host(cwd)}`];
    const user = uid === 0 ? [] : ['-S', String(uid), '-G', String(uid)];
    return ['-t', String(this.#pid), '-m', '-p', '-n', '-i', '-u', ...user, ...places, '--'];
  }

  async #enter(argv: readonly string[], uid: number): Promise<void> {
    const child = spawn('nsenter', [...this.#namespaces(uid, '/'), ...argv], { stdio: 'ignore' });
    await new Promise((resolve) => child.on('exit', resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#holder.on('exit', resolve));
    this.#holder.kill('SIGKILL');
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function workOf(kind: MachineKind): string {
  return kind === 'runner' ? '/home/runner/work' : '/__w';
}

/** The process id, in the innermost namespace, of what an nsenter has started. */
function innerPid(nsenter: number): number | null {
  try {
    const [child] = readFileSync(`/proc/${nsenter}/task/${nsenter}/children`, 'utf8').trim().split(' ');
    const status = readFileSync(`/proc/${child}/status`, 'utf8');
    return Number(/^NSpid:.*\t(\d+)$/m.exec(status)?.[1] ?? NaN) || null;
  } catch {
    return null;
  }
}

const startScript = `set -e
base=$1 directory=$2 work=$3 kind=$4 root=$2/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$base,upperdir=$directory/upper,workdir=$directory/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mkdir -m 1777 "$root/dev/shm"
hostname job
echo '127.0.0.1 localhost job' >"$root/etc/hosts"
ip link set lo up
if [ "$kind" = runner ]; then chroot "$root" useradd -m -u 1001 -s /bin/bash runner; fi
mkdir -p "$root$work/r/r" "$root$work/_temp"
if [ "$kind" = runner ]; then
  chmod 700 "$root/root"
  echo 'runner ALL=(ALL) NOPASSWD:ALL' >"$root/etc/sudoers.d/runner"
  chroot "$root" chown -R runner:runner "$work"
fi
exec chroot "$root" bash -c 'echo ready; trap : CHLD; while :; do sleep 1000 & wait; done'
`;
