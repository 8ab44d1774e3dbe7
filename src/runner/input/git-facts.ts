import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { decodeName } from '../view/names.ts';
import { isSystemError } from './disk.ts';
import type { Git } from './git.ts';
import { normaliseRemote, parseRemote } from './remote.ts';

/** What git knows of the repository; empty texts where it does not. All of it is data that others may have chosen. */
export interface GitFacts {
  /** The full commit; empty before the first one. */
  readonly commit: string;
  /** The branch that HEAD is on; empty where it is detached. */
  readonly branch: string;
  /** `git describe --always`. */
  readonly tag: string;
  /** The first line of the commit's message. */
  readonly title: string;
  /** `origin`'s URL as configured, credentials and all. */
  readonly originUrl: string;
  /** What all checkouts and working trees of one repository share, and two repositories do not: for keys. */
  readonly repositoryId: string;
  /** Why git was not asked, though there is a repository; null where all is well. */
  readonly warning: string | null;
}

/** Commit, its short name, `git describe`, and the title last, as it is data. */
const format = '%H%n%h%n%(describe)%n%s';

/** Asks git about the repository at `root`; where there is none, the directory itself is the repository. */
export async function readGitFacts({
  git,
  root,
  signal,
}: {
  readonly git: Git;
  readonly root: string;
  readonly signal: AbortSignal;
}): Promise<GitFacts> {
  const ask = async (...args: string[]): Promise<string> => {
    const { code, stdout } = await git.run(args, { signal });
    return code === 0 ? decodeName(stdout).replace(/\n$/, '') : '';
  };
  const [about, shown, originUrl] = await Promise.all([
    git.run(['rev-parse', '--git-common-dir', '--is-shallow-repository', '--symbolic-full-name', 'HEAD'], { signal }),
    ask(
      '-c',
      'log.showSignature=false',
      'log',
      '-1',
      '--no-color',
      '--no-decorate',
      `--format=${format}`,
      'HEAD',
      '--',
    ),
    ask('config', '--get', 'remote.origin.url'),
  ]);
  const [commonDirectory = '', shallow, head] = decodeName(about.stdout).split('\n');
  // Before the first commit it fails only when it comes to HEAD.
  if (about.code !== 0 && shallow === undefined) {
    const refused = about.stderr.includes('dubious ownership');
    const warning = refused
      ? `git does not trust ${root}, which belongs to somebody else; run: git config --global --add safe.directory ${root}`
      : null;
    const nothing = { commit: '', branch: '', tag: '', title: '', originUrl: '' };
    return { ...nothing, repositoryId: `directory ${realPath(root)}`, warning };
  }
  const [commit = '', short = '', described = '', ...titleLines] = shown.split('\n');
  const title = titleLines.join('\n');
  const branch = head?.startsWith('refs/heads/')
    ? head.slice('refs/heads/'.length)
    : head === 'HEAD' && about.code === 0
      ? ''
      : await ask('symbolic-ref', '--quiet', '--short', 'HEAD');
  // Before git 2.32 `log` cannot describe.
  const tag = described.startsWith('%') ? await ask('describe', '--always') : described || short;
  const directory = realPath(resolve(root, commonDirectory));
  const rootCommit = originUrl === '' && commit !== '' && shallow === 'false';
  const first = rootCommit ? await ask('rev-list', '--first-parent', '--max-parents=0', 'HEAD') : '';
  return {
    ...{ commit, branch, tag, title, originUrl },
    repositoryId: repositoryId({ originUrl, first, directory }),
    warning: null,
  };
}

function repositoryId({
  originUrl,
  first,
  directory,
}: {
  originUrl: string;
  first: string;
  directory: string;
}): string {
  if (parseRemote(originUrl) !== null) return `origin ${normaliseRemote(originUrl)}`;
  if (originUrl !== '') return `origin ${resolve(directory, normaliseRemote(originUrl).replace(/^file:\/\//i, ''))}`;
  return first === '' ? `directory ${directory}` : `commit ${first}`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (isSystemError(error)) return path;
    throw error;
  }
}
