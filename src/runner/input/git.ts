import { Buffer } from 'node:buffer';
import { spawn, spawnSync } from 'node:child_process';

export interface GitResult {
  /** 127 where git is not installed, 128 + n where a signal ended it. */
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The host's git in one directory. It takes no locks, asks nobody anything, and sees only the repository of that directory. */
export interface Git {
  run(args: readonly string[], options?: GitRunOptions): Promise<GitResult>;
  /** For those who cannot wait asynchronously; short commands only. */
  runSync(args: readonly string[]): GitResult;
}

export interface GitRunOptions {
  readonly input?: Uint8Array;
  readonly signal?: AbortSignal;
  /** Gets standard output as it comes; `stdout` stays empty. Awaited, so that git waits for a slow reader. */
  readonly output?: (chunk: Buffer) => void | Promise<void>;
}

/** What a hook or an outer git may have set about *its* repository. */
const aboutAnotherRepository = [
  ...['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES'],
  ...['GIT_COMMON_DIR', 'GIT_NAMESPACE', 'GIT_PREFIX', 'GIT_QUARANTINE_PATH', 'GIT_SHALLOW_FILE', 'GIT_GRAFT_FILE'],
];

const limitBytes = 1 << 30;

/** `env` is the host's environment: git finds its configuration, credentials and keys through it. */
export function createGit(given: {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Git {
  const env: Record<string, string | undefined> = { ...given.env };
  for (const name of aboutAnotherRepository) delete env[name];
  Object.assign(env, {
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GCM_INTERACTIVE: 'never',
    GIT_NO_LAZY_FETCH: '1',
    GIT_LITERAL_PATHSPECS: undefined,
    GIT_GLOB_PATHSPECS: undefined,
    GIT_NOGLOB_PATHSPECS: undefined,
    GIT_ICASE_PATHSPECS: undefined,
    LC_ALL: 'C',
  });
  const { cwd } = given;

  return {
    async run(args, { input, signal, output } = {}) {
      signal?.throwIfAborted();
      // A session of its own: neither git nor the ssh it starts can ask at a terminal, and both end together.
      const child = spawn('git', args, { cwd, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
      const end = () => {
        if (child.pid === undefined) return;
        try {
          process.kill(-child.pid, 'SIGTERM');
        } catch {
          // It is gone already.
        }
        // What it started and left behind may keep the pipe open.
        child.stdout.destroy();
      };
      signal?.addEventListener('abort', end, { once: true });
      const closed = new Promise<number>((resolve) => {
        child.once('error', () => resolve(127));
        const end = (code: number | null, killedBy: string | null) => resolve(code ?? (killedBy === null ? 127 : 128));
        child.once('close', end);
        // ssh may leave a process that shares connections, with our pipe for messages in its hands.
        child.once('exit', (code, killedBy) => setTimeout(end, 500, code, killedBy).unref());
      });
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
      try {
        for await (const chunk of child.stdout) {
          if (output === undefined) stdout.push(chunk as Buffer);
          else await output(chunk as Buffer);
        }
        const code = await closed;
        signal?.throwIfAborted();
        return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8') };
      } catch (error) {
        signal?.throwIfAborted();
        throw error;
      } finally {
        child.stderr.destroy();
        signal?.removeEventListener('abort', end);
        if (child.exitCode === null && child.signalCode === null) end();
      }
    },
    runSync(args) {
      const done = spawnSync('git', args, {
        cwd,
        env,
        maxBuffer: limitBytes,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      return {
        code: done.error === undefined ? (done.status ?? 128) : 127,
        stdout: done.stdout ?? Buffer.alloc(0),
        stderr: done.stderr?.toString('utf8') ?? '',
      };
    },
  };
}
