import { execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const project = fileURLToPath(new URL('../../../..', import.meta.url));
const vitest = join(project, 'node_modules/vitest/vitest.mjs');

/**
 * What every machine must do, once more where root is root of a user namespace only: no device nodes, no control groups, marks of the overlay in
 * `user.overlay.*`. The ids are those a user would get from /etc/subuid.
 */
it('holds without privileges on the host', { timeout: 300_000 }, async ({ annotate }) => {
  const holder = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', '--', 'unshare', '--user', '--', 'sh', '-c', 'echo up; exec sleep infinity'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise((resolve) => holder.once('close', resolve));
  const directory = mkdtempSync(join(tmpdir(), 'layer-sandbox-user-'));
  chownSync(directory, 100_000, 100_000);
  try {
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${holder.pid}/${map}`, '0 100000 65536');
    const enter = ['nsenter', `--user=/proc/${holder.pid}/ns/user`, '-S', '0', '-G', '0', '--'];
    const [command = '', ...argv] = enter;
    try {
      execFileSync(command, [...argv, 'test', '-r', vitest, '-a', '-x', process.execPath]);
    } catch {
      await annotate(`passed over: other users cannot read ${project}`);
      return;
    }
    const suite = [
      'run',
      '--configLoader',
      'runner',
      '--config',
      'test/vitest.config.ts',
      '--project',
      'host',
      '-t',
      'paths|background|states|caches|stacks|cancels',
    ];
    const child = spawn(
      command,
      [...argv, process.execPath, vitest, ...suite, 'test/runner/drivers/sandbox/sandbox.host.test.ts'],
      {
        cwd: project,
        env: { PATH: process.env['PATH'], TMPDIR: directory, NO_COLOR: '1' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code, output).toBe(0);
    expect(output).toMatch(/Tests {2}[12]\d passed/);
  } finally {
    holder.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }
});
