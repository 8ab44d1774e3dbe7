import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startViewServer, ViewServerLost } from '../../../src/runner/fuse/start.ts';
import { run, serveDirectory, wholeRepository } from './served.ts';

const fill = (repository: string): void => {
  fs.writeFileSync(`${repository}/a`, 'aaaa');
  fs.writeFileSync(`${repository}/b`, 'bbbb');
  fs.writeFileSync(`${repository}/big`, Buffer.alloc(8 << 20, 'x'));
};

const noSignal = () => new AbortController().signal;

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 500) throw new Error('it never came to be');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('a file that changes while it is used cannot be read, and the step is told which', async () => {
  await using served = await serveDirectory({ fill });
  fs.writeFileSync(`${served.repository}/a`, 'AAAA');
  const ran = await served.run('cat b a');
  expect(ran).toMatchObject({ code: 1, stdout: 'bbbb' });
  expect(ran.stderr).toContain('Input/output error');
  expect((await served.server.cut()).fault).toBe('a changed while it was being used');
  expect((await served.server.cut()).fault).toBeNull();
  expect(await served.run('cat b')).toMatchObject({ code: 0 });
});

test('a big file that changes between two pieces is never served mixed', async () => {
  await using served = await serveDirectory({ fill });
  const script = `import os, sys
f = open("big", "rb", 0)
print(f.read(4096) == b"x" * 4096, flush=True)
sys.stdin.readline()
try: f.seek(7 << 20); print(f.read(4096)[:1])
except OSError as error: print(error.strerror)`;
  const reader = spawn(served.enter[0] ?? '', [
    ...served.enter.slice(1),
    '/usr/bin/python3',
    '-I',
    '-c',
    `import os; os.chdir("${served.mount}/0")\n${script}`,
  ]);
  let said = '';
  reader.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise((resolve) => reader.on('close', resolve));
  await until(() => said.includes('\n'));
  fs.writeFileSync(`${served.repository}/big`, Buffer.alloc(8 << 20, 'y'));
  reader.stdin.end('go\n');
  await ended;
  expect(said).toBe('True\nInput/output error\n');
  expect((await served.server.cut()).fault).toBe('big changed while it was being used');
});

test('the store and its copies are not bracketed: the working file may change', async () => {
  await using served = await serveDirectory({ fill, immutable: (path) => path === 'a' });
  fs.writeFileSync(`${served.repository}/a`, 'AAAA');
  expect(await served.run('cat a')).toMatchObject({ code: 0, stdout: 'aaaa' });
  expect((await served.server.cut()).fault).toBeNull();
});

test('a server that is killed under readers: they get an error, who waits for a cut learns why, nobody hangs', async () => {
  await using served = await serveDirectory({ fill });
  const reading = served.run('while cat a big none > /dev/null 2>&1 || ls > /dev/null 2>&1; do :; done; cat b');
  await served.server.cut();
  process.kill(served.pid, 'SIGKILL');
  const cut = served.server.cut();
  await expect(cut).rejects.toThrow(ViewServerLost);
  expect(served.server.failure).toContain('SIGKILL');
  expect(await reading).toMatchObject({ code: 1, stdout: '' });
  await expect(served.server.cut()).rejects.toThrow('the view server is gone');
  await expect(served.server.addView(wholeRepository({ ordinal: 5 }))).rejects.toThrow(ViewServerLost);
});

test('a server that is stopped: a cut waits; a kill frees it', async () => {
  await using served = await serveDirectory({ fill });
  process.kill(served.pid, 'SIGSTOP');
  const cut = served.server.cut();
  const reading = served.run('cat a');
  const waited = await Promise.race([cut, reading, new Promise((resolve) => setTimeout(resolve, 300, 'waiting'))]);
  expect(waited).toBe('waiting');
  process.kill(served.pid, 'SIGKILL');
  await expect(cut).rejects.toThrow(ViewServerLost);
  expect((await reading).code).not.toBe(0);
});

test('a mount that is taken away lazily is served on, for the overlays that stand on it', async () => {
  await using served = await serveDirectory({ fill });
  expect(await run([...served.enter, 'umount', '-l', served.mount])).toMatchObject({ code: 0 });
  expect(await served.server.cut()).toMatchObject({ fault: null });
});

test('an abort ends it', async () => {
  const abort = new AbortController();
  await using served = await serveDirectory({ fill, signal: abort.signal });
  abort.abort();
  await expect(served.server.cut()).rejects.toThrow('it was shut down');
  await until(() => !fs.existsSync(`/proc/${served.pid}`));
});

test.each([
  ['a directory that is not there', { mountpoint: '/nowhere/at/all' }, /mount/],
  ['a manifest that is not there', { trees: { repository: '/nowhere/manifest' } }, /\/nowhere\/manifest/],
  ['namespaces that cannot be entered', { enter: ['nsenter', '-m', '-t', '4194303', '--'] }, /nsenter/],
  ['a program that is not there', { enter: ['/nowhere/enter'] }, /\/nowhere\/enter/],
  [
    'a host without the device',
    { enter: ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /dev && exec "$@"', 'sh'] },
    /\/dev\/fuse/,
  ],
])('no server where there is %s', async (_, changes, why) => {
  await using served = await serveDirectory({ fill });
  const { enter, mount, directory } = served;
  const spec = {
    enter,
    mountpoint: mount,
    trees: { repository: `${directory}/manifest` },
    mtime: 'plain',
    signal: noSignal(),
  } as const;
  const started = startViewServer({ ...spec, ...changes });
  await expect(started).rejects.toThrow(ViewServerLost);
  await expect(started).rejects.toThrow(why);
});

test('a file that is no manifest', async () => {
  await using served = await serveDirectory({ fill });
  await expect(served.server.addTree('clone:1', `${served.repository}/a`)).rejects.toThrow('Not a manifest');
  expect(await served.run('cat a')).toMatchObject({ stdout: 'aaaa' });
  expect((await served.server.cut()).fault).toBeNull();
});

test('the server dies with the runner, however that ends', async () => {
  await using served = await serveDirectory({ fill });
  const mountpoint = `${served.directory}/second`;
  fs.mkdirSync(mountpoint);
  const start = fileURLToPath(new URL('../../../src/runner/fuse/start.ts', import.meta.url));
  const spec = JSON.stringify({ enter: served.enter, mountpoint, trees: {}, mtime: 'plain' });
  const program = `import { startViewServer } from ${JSON.stringify(start)};
    await startViewServer({ ...${spec}, signal: new AbortController().signal }); console.log('up'); setInterval(() => {}, 1000);`;
  const runner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => runner.stdout.once('data', resolve));
  expect((await run([...served.enter, 'ls', mountpoint])).code).toBe(0);
  runner.kill('SIGKILL');
  let code: number | null = 0;
  for (let tries = 0; code === 0 && tries < 200; tries++) {
    code = (await run([...served.enter, 'stat', '-f', mountpoint])).code;
  }
  expect(code).toBe(1);
});

test('who forges a wake looks for a name: no step is cut short by another', async () => {
  await using served = await serveDirectory({ fill });
  const forged = ['.wake-2', '.wake--2', `.wake-${'0'.repeat(32)}-2`];
  for (const name of forged) expect((await served.run(`[ -e ${name} ]`, { cwd: served.mount })).code).toBe(1);
  expect((await served.run('cat a')).code).toBe(0);
  expect(await served.server.cut()).toMatchObject({ fault: null, doubt: null });
});

test('a server that nobody can wake any more ends', async () => {
  await using served = await serveDirectory({ fill });
  const cwds = fs.readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && cwdOf(pid) === served.mount);
  expect(cwds).toHaveLength(1);
  process.kill(Number(cwds[0]), 'SIGKILL');
  await until(() => served.server.failure !== null);
  expect(served.server.failure).toContain('the process that wakes it is gone: it ended with SIGKILL');
  await expect(served.server.cut()).rejects.toThrow(ViewServerLost);
});

function cwdOf(pid: string): string | null {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}
