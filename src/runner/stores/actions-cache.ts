import { fork, type ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RemoteFault, scopeText, type Remote, type Scope } from '../remote.ts';
import type { CacheAnswer, CacheRequest } from './actions-cache/messages.ts';

export interface ActionsCacheOptions {
  /** The job's own environment: the service's address and token are in it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** An empty directory of this process. */
  readonly scratch: string;
}

/** Processes at the same time, each with one transfer. */
const most = 4;
/** An entry is sent in one request up to twice this. */
const pieceBytes = 64 * 1024 * 1024;
/** The library tries again for half a minute; to run without is better than to wait for that. */
const indexMs = 12_000;
const pieceMs = 180_000;

/** The client's program: beside this file in the sources, a program of its own in dist/. */
const program = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts')
      ? './actions-cache/client.ts'
      : import.meta.url.replace(/[^/]*$/, 'cache-client.js'),
    import.meta.url,
  ),
);

/**
 * A remote store in the Actions cache. Entries never change there: an index is a new entry each time, and the newest with the scope's prefix counts;
 * data is named by its digest. Who may see an entry is GitHub's to say (the own branch, its base, the default branch), and the scope is in the
 * document as well.
 */
export function actionsCacheRemote({ environment, scratch }: ActionsCacheOptions): Remote {
  const workers: Worker[] = [];
  const idle: Worker[] = [];
  const waiting: ((worker: Worker) => void)[] = [];

  const take = async (): Promise<Worker> => {
    const free = idle.pop();
    if (free) return free;
    if (workers.length < most) {
      const directory = join(scratch, `client-${workers.length}`);
      const worker = new Worker(directory, environment);
      workers.push(worker);
      return worker;
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  const give = (worker: Worker): void => {
    const next = waiting.shift();
    if (next) next(worker);
    else idle.push(worker);
  };
  const withWorker = async <T>(work: (worker: Worker) => Promise<T>): Promise<T> => {
    const worker = await take();
    try {
      return await work(worker);
    } finally {
      give(worker);
    }
  };
  const restore = (
    request: { readonly key: string; readonly prefixes: readonly string[]; readonly to: string },
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<boolean> =>
    withWorker(async (worker) => {
      const { key, prefixes, to } = request;
      rmSync(worker.object, { force: true });
      const { key: found } = await worker.ask({ kind: 'restore', key, prefixes }, options);
      if (found === null || !existsSync(worker.object)) return false;
      renameSync(worker.object, to);
      return true;
    });
  const save = (
    { key, path }: { readonly key: string; readonly path: string },
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<boolean> =>
    withWorker(async (worker) => {
      rmSync(worker.object, { force: true });
      linkSync(path, worker.object);
      return (await worker.ask({ kind: 'save', key }, options)).key !== null;
    });

  return {
    title: 'the Actions cache',
    pieceBytes,
    bytesPerSecond: 40e6,
    async readIndex(scope, signal) {
      const to = join(scratch, `index-${randomBytes(6).toString('hex')}`);
      const prefix = indexPrefix(scope);
      const found = await restore({ key: `${prefix}newest`, prefixes: [prefix], to }, { timeoutMs: indexMs, signal });
      return found ? readFileSync(to) : null;
    },
    async writeIndex(scope, { bytes }, signal) {
      const path = join(scratch, `index-${randomBytes(6).toString('hex')}`);
      writeFileSync(path, bytes, { mode: 0o600 });
      const key = `${indexPrefix(scope)}${randomBytes(12).toString('hex')}`;
      await save({ key, path }, { timeoutMs: indexMs, signal });
    },
    fetch: ({ digest }, { path }, signal) =>
      restore({ key: dataKey(digest), prefixes: [], to: path }, { timeoutMs: pieceMs, signal }),
    async store({ digest, sizeBytes }, { path, known }, signal) {
      // What a readable scope has, the service shows to this one as well.
      if (known !== null) return 0;
      const saved = await save({ key: dataKey(digest), path: await path() }, { timeoutMs: pieceMs, signal });
      return saved ? sizeBytes : 0;
    },
    async [Symbol.asyncDispose]() {
      for (const worker of workers) worker.stop();
    },
  };
}

function indexPrefix(scope: Scope): string {
  return `layer-index-${createHash('sha256').update(scopeText(scope)).digest('hex').slice(0, 32)}-`;
}

function dataKey(digest: string): string {
  return `layer-data-${digest.slice('sha256:'.length)}`;
}

/** What of the job's environment the library needs; no secret of the run is in it. */
const needed =
  /^(ACTIONS_\w+|GITHUB_(SERVER_URL|REF|REPOSITORY|API_URL)|PATH|HOME|TZ|LANG|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|\w+_proxy)$/i;

/** A client process and the directory that it works in. */
class Worker {
  readonly object: string;
  readonly #start: () => ChildProcess;
  #child: ChildProcess | null = null;

  constructor(directory: string, environment: ActionsCacheOptions['environment']) {
    mkdirSync(join(directory, 'temp'), { recursive: true, mode: 0o700 });
    this.object = join(directory, 'object');
    const env = {
      ...Object.fromEntries(Object.entries(environment).filter(([name]) => needed.test(name))),
      ...{ GITHUB_WORKSPACE: directory, RUNNER_TEMP: join(directory, 'temp') },
    };
    this.#start = () =>
      fork(program, [], {
        cwd: directory,
        env,
        execArgv: ['--disable-warning=ExperimentalWarning'],
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
  }

  /** Rejects with `RemoteFault` where the service fails, or does not answer in time. */
  async ask(
    request: CacheRequest,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<CacheAnswer> {
    const child = (this.#child ??= this.#start());
    const { promise, resolve, reject } = Promise.withResolvers<CacheAnswer>();
    const onExit = (): void => reject(new RemoteFault('its client ended'));
    const onAbort = (): void => reject(signal.reason);
    const timer = setTimeout(() => reject(new RemoteFault(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    child.once('message', resolve);
    child.once('exit', onExit);
    child.once('error', onExit);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      signal.throwIfAborted();
      child.send(request);
      const answer = await promise;
      if (answer.why !== null) throw new RemoteFault(answer.why);
      return answer;
    } catch (error) {
      // What it was doing is over only when it is gone.
      this.stop();
      throw error;
    } finally {
      clearTimeout(timer);
      child.off('message', resolve);
      child.off('exit', onExit);
      child.off('error', onExit);
      signal.removeEventListener('abort', onAbort);
    }
  }

  stop(): void {
    this.#child?.kill('SIGKILL');
    this.#child = null;
  }
}
