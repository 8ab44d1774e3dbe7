import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createGit, type Git, type GitResult } from './git.ts';
import { withoutCredentials } from './remote.ts';

/** A repository on GitHub at a commit, as FROM names it. */
export interface VendorSource {
  readonly owner: string;
  readonly name: string;
  /** 7 to 40 hexadecimal digits. */
  readonly commit: string;
}

export interface VendorOptions {
  /** The repository that it is fetched into. */
  readonly root: string;
  /** The host's environment: git finds its configuration and credentials through it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/**
 * Fetches a commit's files into `.layer/vendor/<owner>/<name>/<full commit>/`, whole or not at all; `.layer/vendor/.gitignore` keeps them out
 * of the repository. The full commit, or a reason where it cannot be had. Rejects with the signal's reason.
 */
export async function fetchVendored(
  source: VendorSource,
  { root, env, signal }: VendorOptions,
): Promise<{ readonly commit: string } | { readonly why: string }> {
  const vendor = join(root, '.layer/vendor');
  const home = join(vendor, source.owner, source.name);
  const outside = [dirname(vendor), vendor, dirname(home), home].find((path) => !isDirectoryOrAbsent(path));
  if (outside !== undefined) return { why: `${outside} is no directory` };
  mkdirSync(vendor, { recursive: true });
  const ignored = join(vendor, '.gitignore');
  if (!existsSync(ignored)) writeFileSync(ignored, '# Fetched by layer for FROM github/…\n*\n');
  const staged = join(vendor, `.staged-${randomBytes(6).toString('hex')}`);
  mkdirSync(staged);
  try {
    const git = createGit({ cwd: staged, env: { ...env, GIT_ALLOW_PROTOCOL: env['GIT_ALLOW_PROTOCOL'] ?? allowed } });
    const url = `https://github.com/${source.owner}/${source.name}.git`;
    const made = await git.run(['init', '--quiet', '--template=', '.'], { signal });
    if (made.code !== 0) return { why: reason(made) };
    const commit = await fetchCommit(git, { url, commit: source.commit, signal });
    if ('why' in commit) return commit;
    const checkout = await git.run([...plainFiles, 'checkout', '--quiet', '--detach', commit.commit], { signal });
    if (checkout.code !== 0) return { why: reason(checkout) };
    rmSync(join(staged, '.git'), { recursive: true });
    mkdirSync(home, { recursive: true });
    publish(staged, join(home, commit.commit));
    return commit;
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

const allowed = 'file:git:http:https:ssh';

/** The commit's bytes as they are, whatever the host's configuration would make of them; nobody's hooks. */
const plainFiles = [
  ...['-c', 'core.autocrlf=false', '-c', 'core.symlinks=true', '-c', 'core.hooksPath=/dev/null'],
  ...['-c', 'filter.lfs.smudge=cat', '-c', 'filter.lfs.process=', '-c', 'filter.lfs.required=false'],
];

/** A full name is asked for alone; for the beginning of one, all branches and tags are looked through, without their files. */
async function fetchCommit(
  git: Git,
  { url, commit, signal }: { readonly url: string; readonly commit: string; readonly signal: AbortSignal },
): Promise<{ readonly commit: string } | { readonly why: string }> {
  const fetch = (...args: readonly string[]): Promise<GitResult> =>
    git.run(['-c', 'gc.auto=0', 'fetch', '--quiet', '--no-recurse-submodules', '--no-write-fetch-head', ...args], {
      signal,
    });
  let full = commit;
  if (commit.length < 40) {
    const all = await fetch(
      '--filter=tree:0',
      '--no-tags',
      '--',
      url,
      '+refs/heads/*:refs/layer/heads/*',
      '+refs/tags/*:refs/layer/tags/*',
    );
    if (all.code !== 0) return { why: reason(all) };
    const found = await git.run(['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`], {
      signal,
    });
    if (found.code !== 0) return { why: `no branch or tag holds exactly one commit that begins with ${commit}` };
    full = found.stdout.toString('utf8').trim();
  }
  const one = await fetch('--depth=1', '--no-tags', '--', url, `+${full}:refs/layer/wanted`);
  return one.code === 0 ? { commit: full } : { why: reason(one) };
}

/** Another run may have been first: its files are the same. */
function publish(staged: string, to: string): void {
  try {
    renameSync(staged, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}

function isDirectoryOrAbsent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

/** The line of git's complaint that says what is wrong, without credentials or control characters. */
function reason({ code, stderr }: GitResult): string {
  if (code === 127) return 'git is not installed';
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((one) => /^(fatal|error|remote: )/.test(one)) ?? lines.at(-1) ?? `git ended with ${code}`;
  return withoutCredentials(line.replace(/^(fatal|error): /, '')).replace(/\p{C}/gu, '\ufffd');
}
