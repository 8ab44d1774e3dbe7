import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readGitFacts } from '../../../src/runner/input/git-facts.ts';
import type { GitFacts } from '../../../src/runner/input/git-facts.ts';
import { createGit } from '../../../src/runner/input/git.ts';
import { git, gitEnv, scratch } from './workspace.ts';

function factsOf(root: string, env: Record<string, string | undefined> = gitEnv): Promise<GitFacts> {
  return readGitFacts({ git: createGit({ cwd: root, env }), root, signal: new AbortController().signal });
}

function repository(): string {
  const root = scratch();
  git(root, 'init', '-q');
  git(root, 'commit', '-q', '--allow-empty', '-m', 'first');
  return root;
}

test('commit, branch, tag and title', async () => {
  const root = repository();
  git(root, 'tag', 'v1');
  git(root, 'checkout', '-q', '-b', 'feat/x');
  git(root, 'commit', '-q', '--allow-empty', '-m', 'a "title" $(id)\n\nand more');
  const commit = git(root, 'rev-parse', 'HEAD');
  expect(await factsOf(root)).toMatchObject({ commit, branch: 'feat/x', title: 'a "title" $(id)', warning: null });
  expect((await factsOf(root)).tag).toBe(commit.slice(0, 7));
  git(root, 'tag', '-a', 'v2', '-m', 'two');
  expect((await factsOf(root)).tag).toBe('v2');
  git(root, 'checkout', '-q', '--detach');
  expect(await factsOf(root)).toMatchObject({ commit, branch: '' });
});

test('before the first commit, and where there is no repository, the texts are empty', async () => {
  const root = scratch();
  expect(await factsOf(root)).toEqual({
    ...{ commit: '', branch: '', tag: '', title: '', originUrl: '', warning: null },
    repositoryId: `directory ${root}`,
  });
  git(root, 'init', '-q');
  expect(await factsOf(root)).toMatchObject({
    commit: '',
    branch: 'main',
    title: '',
    repositoryId: `directory ${root}/.git`,
  });
});

test('checkouts, working trees and URLs of one repository are one; two repositories are two', async () => {
  const root = repository();
  const byCommit = (await factsOf(root)).repositoryId;
  expect(byCommit).toBe(`commit ${git(root, 'rev-list', '--max-parents=0', 'HEAD')}`);
  const worktree = `${scratch()}/tree`;
  git(root, 'worktree', 'add', '-q', worktree);
  expect((await factsOf(worktree)).repositoryId).toBe(byCommit);
  const other = repository();
  git(other, 'commit', '-q', '--amend', '--allow-empty', '-m', 'another first');
  expect((await factsOf(other)).repositoryId).not.toBe(byCommit);

  git(root, 'remote', 'add', 'origin', 'https://me:token@github.com/acme/web.git');
  git(other, 'remote', 'add', 'origin', 'git@github.com:acme/web');
  expect((await factsOf(root)).repositoryId).toBe('origin github.com/acme/web');
  expect((await factsOf(other)).repositoryId).toBe('origin github.com/acme/web');
});

test('a shallow clone does not take its oldest commit for the first one', async () => {
  const root = repository();
  git(root, 'commit', '-q', '--allow-empty', '-m', 'second');
  const shallow = `${scratch()}/shallow`;
  git(root, 'clone', '-q', '--depth=1', `file://${root}`, shallow);
  expect((await factsOf(shallow)).repositoryId).toBe(`origin ${root}`);
  git(shallow, 'remote', 'remove', 'origin');
  expect((await factsOf(shallow)).repositoryId).toBe(`directory ${shallow}/.git`);
});

test('an outer git that runs us does not mislead', async () => {
  const root = repository();
  const other = repository();
  const env = { ...gitEnv, GIT_DIR: `${other}/.git`, GIT_WORK_TREE: other, GIT_INDEX_FILE: `${other}/.git/index` };
  git(other, 'commit', '-q', '--allow-empty', '-m', 'other');
  expect((await factsOf(root, env)).title).toBe('first');
});

test('without git on the host everything is empty', async () => {
  const root = repository();
  expect(await factsOf(root, { PATH: '/nonexistent' })).toMatchObject({
    commit: '',
    repositoryId: `directory ${root}`,
  });
});

test('looking takes no lock and writes nothing', async () => {
  const root = repository();
  writeFileSync(`${root}/.git/index.lock`, '');
  expect(await factsOf(root)).toMatchObject({ title: 'first' });
});
