import fs from 'node:fs';
import { expect, test } from 'vitest';
import { startViewServer } from '../../../src/runner/fuse/start.ts';
import { namespace, run, serveDirectory, wholeRepository } from './served.ts';

test('a view is mounted, read, and what was seen is told by step', async () => {
  await using served = await serveDirectory({
    fill(repository) {
      fs.mkdirSync(`${repository}/src`);
      fs.writeFileSync(`${repository}/src/a.txt`, 'one\n');
      fs.writeFileSync(`${repository}/src/b.txt`, 'two\n');
    },
  });
  expect(await served.run('cat src/a.txt')).toMatchObject({ code: 0, stdout: 'one\n' });
  const { observations, fault } = await served.server.cut();
  expect(fault).toBeNull();
  expect(observations).toEqual([
    { view: 0, path: '/', kind: 'entry', fingerprint: 'directory 0755 0:0' },
    { view: 0, path: '/', kind: 'attributes', fingerprint: 'directory 0755 0:0' },
    { view: 0, path: '/src', kind: 'entry', fingerprint: 'directory 0775 0:0' },
    { view: 0, path: '/src/a.txt', kind: 'entry', fingerprint: 'file 0664 0:0' },
    { view: 0, path: '/src/a.txt', kind: 'attributes', fingerprint: 'file 0664 0:0 4' },
    { view: 0, path: '/src/a.txt', kind: 'content', fingerprint: '5626abf0f72e58d7a153368ba57db4c673c0e171' },
  ]);
  await served.run('cat src/a.txt src/b.txt; ls src');
  expect(await served.seen()).toEqual([
    'attributes /src',
    'attributes /src/b.txt',
    'content /src/b.txt',
    'entry /src/b.txt',
    'listing /src',
  ]);
});

test('a view cannot be written, which is no fault', async () => {
  await using served = await serveDirectory({ fill: (repository) => fs.writeFileSync(`${repository}/a`, 'one') });
  const attempts = [
    'touch b',
    'echo > a',
    'rm a',
    'chmod 1 a',
    'mkdir c',
    'ln a d',
    'mv a e',
    'ln -s a f',
    'truncate -s 0 a',
  ];
  for (const attempt of attempts) {
    const { code, stderr } = await served.run(attempt);
    expect(code, attempt).not.toBe(0);
    expect(stderr).toContain('Read-only file system');
  }
  await served.run('lsattr a; flock a cat a; sync -f a');
  expect((await served.server.cut()).fault).toBeNull();
});

test('the server has a session of its own, and nothing of the environment', async () => {
  process.env['LAYER_TEST_SECRET'] = 'open sesame';
  await using served = await serveDirectory({ fill: () => {} });
  delete process.env['LAYER_TEST_SECRET'];
  const environment = fs.readFileSync(`/proc/${served.pid}/environ`, 'utf8').split('\0');
  expect(environment.map((line) => line.split('=')[0]).sort()).toEqual(['', 'LC_ALL', 'PATH']);
  const sessionOf = (pid: number) => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[3];
  expect(sessionOf(served.pid)).not.toBe(sessionOf(process.pid));
});

test('a server in a user namespace, under an overlay of that namespace', async () => {
  await using served = await serveDirectory({ fill: (repository) => fs.writeFileSync(`${repository}/a`, 'one\n') });
  const holder = await namespace(['--user', '--map-root-user']);
  try {
    const enter = ['nsenter', '--user', '--preserve-credentials', '--mount', '-t', String(holder.pid), '--'];
    const mountpoint = `${served.directory}/user`;
    fs.mkdirSync(mountpoint);
    const trees = { repository: `${served.directory}/manifest` };
    await using server = await startViewServer({
      enter,
      mountpoint,
      trees,
      mtime: 'plain',
      signal: new AbortController().signal,
    });
    await server.addView(wholeRepository());
    const options = 'lowerdir=user/0:b,upperdir=u,workdir=w,userxattr,metacopy=off,index=off,nfs_export=off,xino=off';
    const script = `cd ${served.directory} && mkdir b u w m && mount -t overlay overlay -o ${options} m && echo two >> m/a && cat m/a`;
    expect(await run([...enter, 'sh', '-c', script])).toMatchObject({ code: 0, stdout: 'one\ntwo\n' });
    const { observations, fault } = await server.cut();
    expect(fault).toBeNull();
    expect(observations.map(({ kind, path }) => `${kind} ${path}`)).toContain('content /a');
  } finally {
    await holder.stop();
  }
});
