import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { debianBase } from '../support/base-machine.ts';
import { openWorkshop, type Report, type Workshop } from '../support/workshop.ts';

beforeAll(async () => void (await debianBase()));

/** What a path can become between two runs. */
const kinds = ['absent', 'file', 'directory', 'loop', 'socket'] as const;
type Kind = (typeof kinds)[number];

/** The same for `.git`: `clone` is a repository of its own. */
const repositories = ['repository', 'none', 'clone', 'working tree', 'garbage'] as const;

function become(path: string, kind: Kind, text: string): void {
  rmSync(path, { recursive: true, force: true });
  switch (kind) {
    case 'absent':
      return;
    case 'file':
      return writeFileSync(path, text);
    case 'directory':
      mkdirSync(join(path, 'below'), { recursive: true });
      return writeFileSync(join(path, 'below/file'), text);
    case 'loop':
      return symlinkSync(path.slice(path.lastIndexOf('/') + 1), path);
    case 'socket':
      execFileSync('python3', ['-c', 'import os, sys; os.mknod(sys.argv[1], 0o140644)', path]);
  }
}

function git(directory: string, ...args: readonly string[]): void {
  const identity = ['-c', 'user.name=somebody', '-c', 'user.email=somebody@example.org'];
  execFileSync('git', [...identity, ...args], { cwd: directory, stdio: 'pipe' });
}

/** Repositories whose `.git` takes the place of the workshop's. */
function makeRepositories({ directory, repository }: Workshop): void {
  for (const name of ['first', 'second']) {
    const own = join(directory, name);
    cpSync(repository, own, { recursive: true });
    git(own, 'init', '--quiet', `--initial-branch=${name}`);
    git(own, 'add', '--all');
    git(own, 'commit', '--quiet', `--message=of ${name}`);
  }
  git(join(directory, 'first'), 'worktree', 'add', '--quiet', join(directory, 'tree'), '-b', 'beside');
}

function becomeRepository({ directory, repository }: Workshop, kind: (typeof repositories)[number]): void {
  const path = join(repository, '.git');
  rmSync(path, { recursive: true, force: true });
  switch (kind) {
    case 'none':
      return;
    case 'repository':
      return cpSync(join(directory, 'first/.git'), path, { recursive: true });
    case 'clone':
      return cpSync(join(directory, 'second/.git'), path, { recursive: true });
    case 'working tree':
      return cpSync(join(directory, 'tree/.git'), path);
    case 'garbage':
      return writeFileSync(path, '\xff\0garbage', 'latin1');
  }
}

/** Each kind after each other kind, every pair once. */
function everyPair(count: number): readonly number[] {
  const left = Array.from({ length: count }, (_, from) =>
    Array.from({ length: count }, (_, to) => to).filter((to) => to !== from),
  );
  const way: number[] = [];
  const go = (from: number): void => {
    for (let to = left[from]?.pop(); to !== undefined; to = left[from]?.pop()) go(to);
    way.push(from);
  };
  go(0);
  return way.reverse();
}

/** What a run came to, without what a store decides. */
function result({ status, runners, stderr }: Report): unknown {
  const ends = [...runners].map(([id, { outcome, why, ran }]) => [id, outcome, why, ran.at(-1)?.output]);
  return { status, ends: ends.toSorted(), stderr };
}

test('whatever paths become between two runs, a run comes to what it would come to without the ones before it', async () => {
  using workshop = openWorkshop();
  const { directory, repository } = workshop;
  const look =
    'BUILD ENV API_EXTRA GIT_BRANCH GIT_COMMIT_TITLE\nRUN echo "$GIT_BRANCH: $GIT_COMMIT_TITLE"; find /w -printf "%P %y %l\\n" | sort; cat /w/a || true\n';
  workshop.put({
    Layerfile: `FROM vm/debian:12\nCOPY src /w\nRUN find /w > /found; cat /w/deep/x /w/deep/.gitignore; test -d /w/deep/x\\\n || true\n${look}`,
    'web/Layerfile': `FROM ../Layerfile\nCOPY . /w/web\n${look}`,
    'src/a': 'a\n',
    'src/deep/a': 'deep\n',
    'web/a': 'of web\n',
  });
  makeRepositories(workshop);
  const cold = new Map<number, unknown>();
  for (const [turn, state] of everyPair(kinds.length).entries()) {
    const kind = kinds[state] ?? 'absent';
    becomeRepository(workshop, repositories[state] ?? 'none');
    become(join(repository, '.gitignore'), kind, 'nothing\n');
    become(join(repository, '.layerignore'), kind, 'a\n');
    become(join(repository, 'src/deep/.gitignore'), kind, '*\n');
    become(join(repository, 'src/deep/x'), kind, 'x\n');
    become(join(repository, 'src/gone'), kind, 'x\n');
    // The directory of a Layerfile, with all that is in it.
    if (kind === 'file' || kind === 'loop') become(join(repository, 'web'), kind, 'no directory\n');
    else {
      rmSync(join(repository, 'web'), { recursive: true, force: true });
      cpSync(join(directory, 'first/web'), join(repository, 'web'), { recursive: true });
    }
    const run = (store: string, extra: string) =>
      workshop.run({ store, args: [`--env=API_EXTRA=${extra}`, '--env=REPOSITORY_NAME=same'] });
    if (!cold.has(state)) {
      const fresh = join(directory, 'fresh');
      cold.set(state, result(await run(fresh, 'cold')));
      rmSync(fresh, { recursive: true, force: true });
    }
    expect([kind, turn, result(await run(workshop.store, String(turn)))]).toEqual([kind, turn, cold.get(state)]);
    expect(cold.get(state)).toMatchObject({ status: 0 });
  }
});
