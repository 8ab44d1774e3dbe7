import { access, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BaseSource } from '../../ir/ir.ts';
import type { BaseMachine } from '../driver.ts';
import { assemble } from './assemble.ts';
import { BaseError, describeBaseFailure, type BaseFailure } from './failure.ts';
import type { BaseHost, BaseProgress, BaseWork } from './host.ts';
import { providersOf } from './known.ts';
import { acquireLock, tryLock } from './lock.ts';
import { isCode, runProgram } from './program.ts';
import { readResolution, recordKey, writeResolution, type Resolution } from './records.ts';

/** When a name that the store already knows is looked up again. */
export type Refresh =
  { readonly kind: 'never' } | { readonly kind: 'now' } | { readonly kind: 'older'; readonly thanMs: number };

export interface PrepareOptions {
  /** `vm/debian:12`. */
  readonly name: string;
  readonly source: BaseSource;
  readonly refresh: Refresh;
  readonly host: BaseHost;
  readonly progress: (event: BaseProgress) => void;
  readonly signal: AbortSignal;
}

export type Prepared =
  { readonly kind: 'ready'; readonly base: BaseMachine } | { readonly kind: 'failed'; readonly failure: BaseFailure };

/**
 * Gives the base machine that a name means, made if this store has not made it yet. Two runs at once make one. What a name means is kept
 * until a refresh is asked for. On abort and on failure nothing is left but downloads, which the next attempt goes on with.
 */
export async function prepareBase(options: PrepareOptions): Promise<Prepared> {
  try {
    return { kind: 'ready', base: await prepare(options) };
  } catch (error) {
    const failure = failureOf(error, options);
    if (failure === null) throw error;
    return { kind: 'failed', failure };
  }
}

function failureOf(error: unknown, options: PrepareOptions): BaseFailure | null {
  if (options.signal.aborted) return { kind: 'cancelled' };
  if (error instanceof BaseError) return error.failure;
  for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM']) {
    if (isCode(error, code)) return { kind: 'store', path: options.host.directory, why: (error as Error).message };
  }
  return null;
}

async function prepare(options: PrepareOptions): Promise<BaseMachine> {
  const { name, source, host, signal } = options;
  const key = recordKey(name, source, host);
  const kept = await readKept(options, key);
  if (kept && !isDue(kept.record, options)) return kept.base;

  const lockPath = join(host.directory, 'locks', key);
  using _lock = await acquireLock(lockPath, { waiting: () => options.progress({ kind: 'waiting', name }), signal });
  const now = await readKept(options, key);
  // Whoever held the lock may have made it meanwhile.
  if (now && (now.record.resolvedAtMs !== kept?.record.resolvedAtMs || !isDue(now.record, options))) return now.base;

  const scratch = join(host.directory, 'staging', key);
  const work: BaseWork = { name, host, scratch, progress: options.progress, signal };
  await removeTree(scratch, host);
  await mkdir(scratch, { recursive: true });
  try {
    return await build({ work, source, key, old: now });
  } finally {
    await removeTree(scratch, host);
  }
}

interface Kept {
  readonly record: Resolution;
  readonly base: BaseMachine;
}

async function readKept(options: PrepareOptions, key: string): Promise<Kept | null> {
  const { host, name } = options;
  const record = await readResolution(host.directory, key);
  if (record === null) return null;
  const root = rootOf(host, record.digest);
  const there = await access(join(root, '..', 'base.json')).then(
    () => true,
    () => false,
  );
  return there ? { record, base: { name, digest: record.digest, root } } : null;
}

function isDue(record: Resolution, options: PrepareOptions): boolean {
  switch (options.refresh.kind) {
    case 'never':
      return false;
    case 'now':
      return true;
    case 'older':
      return options.host.now() - record.resolvedAtMs > options.refresh.thanMs;
  }
}

function rootOf(host: BaseHost, digest: string): string {
  return join(host.directory, digest.slice('sha256:'.length), 'root');
}

async function build(parts: {
  readonly work: BaseWork;
  readonly source: BaseSource;
  readonly key: string;
  readonly old: Kept | null;
}): Promise<BaseMachine> {
  const { work, source, key, old } = parts;
  const { host, name } = work;
  const startMs = host.now();
  const tried: { provider: string; failure: BaseFailure }[] = [];
  const providers = providersOf(name, source);
  for (const [index, provider] of providers.entries()) {
    try {
      const found = await provider.find(work);
      const record = (digest: string, origin: string): Resolution => ({
        name,
        source,
        digest,
        origin,
        provider: provider.title,
        resolvedAtMs: host.now(),
      });
      const keepOld = async (kept: Kept): Promise<BaseMachine> => {
        await writeResolution(host.directory, key, record(kept.base.digest, kept.record.origin));
        return kept.base;
      };
      if (old && found.origin === old.record.origin) return await keepOld(old);
      const fetched = await found.fetch();
      if (old && fetched.exact && fetched.origin === old.record.origin) return await keepOld(old);
      const made = await assemble(work, fetched);
      const root = await publish({ work, made });
      await writeResolution(host.directory, key, record(made.digest, fetched.origin));
      await removeTree(join(host.directory, 'blobs'), host);
      work.progress({ kind: 'ready', name, digest: made.digest, bytes: made.bytes, durationMs: host.now() - startMs });
      return { name, digest: made.digest, root };
    } catch (error) {
      if (!(error instanceof BaseError) || work.signal.aborted || error.failure.kind === 'cancelled') throw error;
      tried.push({ provider: provider.title, failure: error.failure });
      await removeTree(join(work.scratch, 'base'), host);
      if (index === providers.length - 1) break;
      const why = describeBaseFailure(error.failure);
      work.progress({ kind: 'falling-back', name, provider: provider.title, why });
    }
  }
  const [only] = tried;
  throw new BaseError(only && tried.length === 1 ? only.failure : { kind: 'providers', tried });
}

/** Puts what was made where its digest says; what is already there stays, for it is the same. */
async function publish(parts: {
  readonly work: BaseWork;
  readonly made: { readonly digest: string; readonly directory: string; readonly description: unknown };
}): Promise<string> {
  const { work, made } = parts;
  const root = rootOf(work.host, made.digest);
  const home = join(root, '..');
  await writeFile(join(made.directory, 'base.json'), `${JSON.stringify(made.description, null, 2)}\n`);
  await runProgram(['sync', '--file-system', made.directory], {
    what: 'sync',
    remedy: 'apt-get install coreutils',
    env: work.host.env,
    signal: work.signal,
  });
  if ((await readFile(join(home, 'base.json'), 'utf8').catch(() => null)) !== null) return root;
  await removeTree(home, work.host);
  try {
    await rename(made.directory, home);
  } catch (error) {
    // Another name of the same machine was published in between.
    if (!isCode(error, 'ENOTEMPTY') && !isCode(error, 'EEXIST')) throw error;
  }
  return root;
}

/** Removes what killed processes have left half made. What somebody is making at this moment stays. */
export async function clearStaging(host: BaseHost): Promise<void> {
  const staging = join(host.directory, 'staging');
  for (const key of await readdir(staging).catch((): string[] => [])) {
    await mkdir(join(host.directory, 'locks'), { recursive: true });
    using lock = tryLock(join(host.directory, 'locks', key));
    if (lock) await removeTree(join(staging, key), host);
  }
}

async function removeTree(path: string, host: BaseHost): Promise<void> {
  const there = await stat(path).catch(() => null);
  if (there === null) return;
  await runProgram(['rm', '-rf', '--one-file-system', '--', path], {
    what: `removing ${path}`,
    remedy: 'apt-get install coreutils',
    env: host.env,
    signal: AbortSignal.timeout(300_000),
  });
}
