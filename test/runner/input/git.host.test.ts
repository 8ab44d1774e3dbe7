import { chmodSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createGit } from '../../../src/runner/input/git.ts';
import { scratch } from './workspace.ts';

/** A host whose `git` is this script. */
function scripted(text: string) {
  const directory = scratch();
  writeFileSync(`${directory}/git`, `#!/bin/bash\n${text}\n`);
  chmodSync(`${directory}/git`, 0o755);
  return createGit({
    cwd: directory,
    env: { PATH: `${directory}:${process.env['PATH']}`, GIT_DIR: '/elsewhere', KEPT: 'yes' },
  });
}

test('code, output and complaints come back, and bytes stay bytes', async () => {
  const git = scripted('printf "\\xff\\n"; cat; echo "fatal: no" >&2; exit 3');
  const done = await git.run(['x'], { input: Buffer.from('in') });
  expect([done.code, [...done.stdout], done.stderr]).toEqual([3, [255, 10, 105, 110], 'fatal: no\n']);
  expect((await scripted('kill -9 $$').run([])).code).toBe(128);
  expect((await createGit({ cwd: '/', env: { PATH: '/nonexistent' } }).run([])).code).toBe(127);
});

test('it asks nobody, locks nothing, and knows of no other repository', async () => {
  const git = scripted(
    'echo "$GIT_DIR|$KEPT|$GIT_OPTIONAL_LOCKS|$GIT_TERMINAL_PROMPT"; (: < /dev/tty) 2>/dev/null && echo tty',
  );
  expect((await git.run([])).stdout.toString()).toBe('|yes|0|0\n');
});

test('a process that git left behind with its pipe for messages holds nobody up', async () => {
  const start = performance.now();
  const done = await scripted('sleep 5 >/dev/null & echo "warning: shared" >&2; exit 0').run([]);
  expect([done.code, done.stderr]).toEqual([0, 'warning: shared\n']);
  expect(performance.now() - start).toBeLessThan(4000);
});

test('an abort ends git and what it started, at once and with the reason', async () => {
  const controller = new AbortController();
  const running = scripted('setsid sleep 5 & sleep 5').run([], { signal: controller.signal });
  setTimeout(() => controller.abort(new Error('enough')), 200);
  const start = performance.now();
  await expect(running).rejects.toThrow('enough');
  expect(performance.now() - start).toBeLessThan(4000);
});
