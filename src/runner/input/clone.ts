import { hash, randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { withoutCredentials } from './remote.ts';
import { statPath } from './disk.ts';
import { createGit } from './git.ts';
import type { Git, GitResult } from './git.ts';

/** What a CLONE asks for; the texts come from Layerfiles and branches, and are data. */
export interface CloneRequest {
  /** The branch of the run; null where it has none. */
  readonly branch: string | null;
  /** `DEFAULT=`. */
  readonly defaultBranch: string | null;
}

/** The commit that a CLONE means in this run. */
export type ResolvedClone =
  | {
      readonly resolved: true;
      readonly commit: string;
      /** The branch that was found; null for HEAD. */
      readonly branch: string | null;
      /** To be shown: the answer is an older one, and why. */
      readonly warning: string | null;
    }
  | { readonly resolved: false; readonly why: string };

/** A local copy of one other repository. Two runs may use it at once. */
export interface Mirror {
  readonly git: Git;
  /** Without credentials, for messages. */
  readonly name: string;
}

/** The other repository, as a remote that only our calls of git know: a URL may hold a password, which has no place in arguments. */
const remote = 'layer';

/** How long a repository may take to say what its branches are. */
const answerMs = 60_000;

export interface MirrorOptions {
  /** The directory of all mirrors, in the store. */
  readonly directory: string;
  readonly url: string;
  /** The run's repository: relative URLs are relative to it, and its git configuration counts. */
  readonly root: string;
  /** The host's environment: credentials and keys are found through it, and never leave git. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Opens the mirror of a URL, creating it when it is not there. */
export async function openMirror({
  directory,
  url,
  root,
  env,
  signal,
}: MirrorOptions): Promise<Mirror | { readonly why: string }> {
  const name = withoutCredentials(url);
  const path = `${directory}/${hash('sha256', withoutCredentials(absolute(url, root))).slice(0, 32)}.git`;
  if (statPath(`${path}/HEAD`) === null) {
    const made = await makeRepository(path, { env, signal });
    if (made !== null) return { why: `git cannot keep a copy of ${name}: ${made}` };
  }
  const git = createGit({ cwd: path, env: { ...env, ...configuredRemote(absolute(url, root), env) } });
  return { git, name };
}

/** Makes it elsewhere and moves it here whole: whoever comes first wins. Null, or why it failed. */
async function makeRepository(
  path: string,
  { env, signal }: Pick<MirrorOptions, 'env' | 'signal'>,
): Promise<string | null> {
  const staged = `${path}.${randomBytes(6).toString('hex')}`;
  mkdirSync(staged, { recursive: true, mode: 0o700 });
  try {
    const git = createGit({ cwd: staged, env });
    const made = await git.run(['init', '--quiet', '--bare', '--template=', '.'], { signal });
    if (made.code !== 0) return reason(made);
    renameSync(staged, path);
    return null;
  } catch (error) {
    if (statPath(`${path}/HEAD`) !== null) return null;
    throw error;
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

function configuredRemote(url: string, env: MirrorOptions['env']): Readonly<Record<string, string>> {
  const given = Number(env['GIT_CONFIG_COUNT'] ?? 0);
  const count = Number.isInteger(given) ? given : 0;
  return {
    // A URL from a Layerfile may not pick a helper program or a file descriptor, unless the host says so.
    GIT_ALLOW_PROTOCOL: env['GIT_ALLOW_PROTOCOL'] ?? 'file:git:http:https:ssh',
    GIT_CONFIG_COUNT: String(count + 1),
    [`GIT_CONFIG_KEY_${count}`]: `remote.${remote}.url`,
    [`GIT_CONFIG_VALUE_${count}`]: url,
  };
}

/**
 * Which commit a CLONE means: the run's branch where the other repository has it, else `DEFAULT`, else its HEAD. Where it cannot be asked (or
 * `offline`), what the same request meant last, with a warning. The commit's files are in the mirror when this resolves.
 */
export async function resolveClone(
  mirror: Mirror,
  request: CloneRequest,
  options: { readonly mode: 'online' | 'offline'; readonly signal: AbortSignal },
): Promise<ResolvedClone> {
  const { signal } = options;
  const last = `refs/resolved/${hash('sha256', JSON.stringify([request.branch, request.defaultBranch])).slice(0, 32)}`;
  const known = async (why: string, warning: string): Promise<ResolvedClone> => {
    const commit = await commitOf(mirror.git, last, signal);
    if (commit === null) return { resolved: false, why };
    return {
      resolved: true,
      commit,
      branch: null,
      warning: `${warning}; using ${commit.slice(0, 12)}, which it was last`,
    };
  };
  if (options.mode === 'offline') {
    return known(
      `CLONE ${mirror.name} was never resolved before, so it cannot be used with --offline`,
      `CLONE ${mirror.name} was not asked for news (--offline)`,
    );
  }
  const asked = await askRemote(mirror, request, signal);
  if ('why' in asked) return known(asked.why, asked.why);
  const fetched = await fetchCommit(mirror, asked, signal);
  if (fetched !== null) return known(fetched, fetched);
  await mirror.git.run(['update-ref', '--', last, asked.commit], { signal });
  const missing = request.defaultBranch !== null && asked.branch === null;
  const warning = missing ? `${mirror.name} has no branch ${printable(request.defaultBranch)}; using its HEAD` : null;
  return { resolved: true, commit: asked.commit, branch: asked.branch, warning };
}

interface Asked {
  readonly commit: string;
  readonly ref: string;
  readonly branch: string | null;
}

async function askRemote(
  mirror: Mirror,
  request: CloneRequest,
  signal: AbortSignal,
): Promise<Asked | { readonly why: string }> {
  const branches = [request.branch, request.defaultBranch].filter(
    (one): one is string => one !== null && isBranchName(one),
  );
  const refs = branches.map((branch) => `refs/heads/${branch}`);
  const listed = await inTime(mirror.git, ['ls-remote', '--quiet', '--', remote, 'HEAD', ...refs], signal);
  if (listed === null) return { why: `CLONE ${mirror.name} did not answer within ${answerMs / 1000} seconds` };
  if (listed.code !== 0) return { why: `CLONE ${mirror.name} cannot be reached: ${reason(listed)}` };
  const found = new Map<string, string>();
  for (const line of listed.stdout.toString('utf8').split('\n')) {
    const [commit, ref] = line.split('\t');
    if (commit !== undefined && ref !== undefined) found.set(ref, commit);
  }
  for (const [index, ref] of [...refs, 'HEAD'].entries()) {
    const commit = found.get(ref);
    if (commit === undefined) continue;
    if (commit.length !== 40) return { why: `CLONE ${mirror.name}: repositories with SHA-256 names are not supported` };
    return { commit, ref, branch: branches[index] ?? null };
  }
  return { why: `CLONE ${mirror.name}: the repository is empty, there is nothing to check out` };
}

/** Null where it takes too long: an unreachable host may keep git waiting for minutes. */
async function inTime(git: Git, args: readonly string[], signal: AbortSignal): Promise<GitResult | null> {
  const limit = AbortSignal.timeout(answerMs);
  try {
    return await git.run(args, { signal: AbortSignal.any([signal, limit]) });
  } catch (error) {
    if (limit.aborted && !signal.aborted) return null;
    throw error;
  }
}

/** Gets a commit with its files, without history where the server allows. Null, or why it failed. */
async function fetchCommit(mirror: Mirror, { commit, ref }: Asked, signal: AbortSignal): Promise<string | null> {
  const { git } = mirror;
  const keep = `refs/commits/${commit}`;
  if ((await commitOf(git, keep, signal)) === commit) return null;
  const quiet = [
    '-c',
    'gc.auto=0',
    '-c',
    'maintenance.auto=false',
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-write-fetch-head',
  ];
  const attempts = [
    [...quiet, '--no-recurse-submodules', '--depth=1', '--', remote, `+${commit}:${keep}`],
    [...quiet, '--no-recurse-submodules', '--depth=1', '--', remote, `+${ref}:${keep}`],
    // The branch went on in this moment: its history has the commit.
    [...quiet, '--no-recurse-submodules', '--', remote, '+refs/heads/*:refs/heads/*'],
  ];
  let failure = '';
  for (const args of attempts) {
    const fetched = await patiently(() => git.run(args, { signal }), signal);
    failure = fetched.code === 0 ? 'its branch was rewritten meanwhile; run again' : reason(fetched);
    if ((await commitOf(git, commit, signal)) === null) continue;
    if (!(await hasAllFiles(git, commit, signal))) continue;
    const kept = await git.run(['update-ref', '--', keep, commit], { signal });
    if (kept.code === 0) return null;
    failure = reason(kept);
  }
  return `CLONE ${mirror.name} cannot be fetched: ${failure}`;
}

/** Another run that fetches into the same mirror holds git's locks for a moment. */
async function patiently(fetch: () => Promise<GitResult>, signal: AbortSignal): Promise<GitResult> {
  for (let waitMs = 50; ; waitMs *= 2) {
    const result = await fetch();
    if (result.code === 0 || waitMs > 7000 || !/\.lock|cannot lock ref/.test(result.stderr)) return result;
    await setTimeout(waitMs, undefined, { signal });
  }
}

async function commitOf(git: Git, name: string, signal: AbortSignal): Promise<string | null> {
  const found = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`], { signal });
  return found.code === 0 ? found.stdout.toString('utf8').trim() : null;
}

async function hasAllFiles(git: Git, commit: string, signal: AbortSignal): Promise<boolean> {
  const listed = await git.run(['ls-tree', '-r', '-z', '-l', '--full-tree', commit], { signal });
  return listed.code === 0;
}

function absolute(url: string, root: string): string {
  return /^\.{1,2}(\/|$)/.test(url) ? `${root}/${url}` : url;
}

/** What git itself would take as a branch (git-check-ref-format), so that no pattern or option can be made of one. */
function isBranchName(name: string): boolean {
  return (
    name !== '' && !/[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|^\/|\/$|\.$|(^|\/)\.|\.lock(\/|$)/.test(name) && name !== '@'
  );
}

/** The line of git's complaint that says what is wrong, without credentials or control characters. */
function reason({ code, stderr }: GitResult): string {
  if (code === 127) return 'git is not installed';
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((one) => /^(fatal|error|remote: )/.test(one)) ?? lines.at(-1) ?? `git ended with ${code}`;
  return printable(withoutCredentials(line.replace(/^(fatal|error): /, '')));
}

function printable(text: string | null): string {
  return (text ?? '').replace(/\p{C}/gu, '\ufffd');
}
