import { Buffer } from 'node:buffer';
import fs from 'node:fs';
import { expect, test } from 'vitest';
import type { GuestPath, RepoPath } from '../../../src/host.ts';
import { serveDirectory, wholeRepository, writeManifestOf } from './served.ts';

test('a directory of 100,000 entries', async () => {
  await using served = await serveDirectory({
    fill(repository) {
      for (let index = 0; index < 100_000; index++) fs.writeFileSync(`${repository}/${index}`, '');
    },
  });
  const cwd = await served.overlay();
  expect((await served.run('ls -U | wc -l', { cwd })).stdout).toBe('100000\n');
  expect(await served.seen()).toEqual(['listing /']);
  const again: number[] = [];
  // A kernel that makes room may forget meanwhile, and asks once more: not every time.
  for (let round = 0; round < 3; round++) {
    expect((await served.run('ls -U | head -3; ls | tail -1', { cwd })).stdout).toBe('0\n1\n10\n99999\n');
    const { requests, fault } = await served.server.cut();
    expect(fault).toBeNull();
    again.push(requests);
  }
  expect(Math.min(...again), `asked again: ${again.join(', ')}`).toBe(0);
});

test('a name is any bytes but two', async () => {
  const names = [
    Buffer.from('line\nend'),
    Buffer.from([0xff, 0x80]),
    Buffer.from('größe'),
    Buffer.from(' -rf *'),
    Buffer.alloc(255, 'x'),
  ];
  await using served = await serveDirectory({
    fill(repository) {
      for (const name of names) fs.writeFileSync(Buffer.concat([Buffer.from(`${repository}/`), name]), name);
      fs.symlinkSync(Buffer.from([0x2f, 0xfe]), `${repository}/link`);
    },
  });
  const { stdout } = await served.run(
    'for name in *; do [ "$name" = link ] || cat -- "$name"; done; readlink link; ls -U -w0 --zero',
  );
  const byName = [...names].sort(Buffer.compare);
  expect(Buffer.from(stdout, 'latin1')).toEqual(
    Buffer.concat([
      ...(await globOrder(served.run)),
      Buffer.from([0x2f, 0xfe, 0x0a]),
      ...[...byName, Buffer.from('link')].sort(Buffer.compare).flatMap((name) => [name, Buffer.from([0])]),
    ]),
  );
  const seen = await served.seen();
  expect(seen).toContain('content /line\nend');
  expect(seen).toContain('content /\udcff\udc80');
  expect(seen).toContain('link /link');
});

/** The files' contents (their names) as the shell's glob sorts them. */
async function globOrder(run: (script: string) => Promise<{ stdout: string }>): Promise<readonly Buffer[]> {
  const { stdout } = await run('printf "%s\\0" *');
  return stdout
    .split('\0')
    .filter((name) => name !== '' && name !== 'link')
    .map((name) => Buffer.from(name, 'latin1'));
}

test('a file past 4 GiB', async () => {
  await using served = await serveDirectory({
    fill(repository) {
      const descriptor = fs.openSync(`${repository}/big`, 'w');
      fs.writeSync(descriptor, 'end', 6 * 2 ** 30);
      fs.closeSync(descriptor);
    },
  });
  const { stdout } = await served.run(
    'stat -c %s big; tail -c 3 big; dd if=big bs=1M skip=6143 count=1 status=none | wc -c',
  );
  expect(stdout).toBe(`${6 * 2 ** 30 + 3}\nend1048576\n`);
  expect(await served.seen()).toContain('content /big');
});

test('a deep path', async () => {
  const names = Array.from({ length: 200 }, (_, index) => `level-${index}`);
  await using served = await serveDirectory({
    fill: (repository) => fs.mkdirSync(`${repository}/${names.join('/')}`, { recursive: true }),
  });
  const deepest = names.join('/');
  expect((await served.run(`cd ${deepest} && pwd -P`)).stdout.trim()).toBe(`${served.mount}/0/${deepest}`);
  expect((await served.seen()).filter((line) => line.startsWith('entry /level'))).toHaveLength(200);
});

test('modes and owners are those of git, and of the machine above the destination', async () => {
  await using served = await serveDirectory({
    fill(repository) {
      fs.mkdirSync(`${repository}/dir`, { mode: 0o700 });
      fs.writeFileSync(`${repository}/dir/private`, '', { mode: 0o600 });
      fs.writeFileSync(`${repository}/dir/tool`, '', { mode: 0o4711 });
      fs.symlinkSync('dir', `${repository}/link`);
    },
    view: {
      destination: '/srv/app' as GuestPath,
      ancestors: [
        { mode: 0o755, uid: 0, gid: 0 },
        { mode: 0o1770, uid: 7, gid: 8 },
      ],
    },
  });
  const { stdout } = await served.run('find . -printf "%m %U:%G %y %p\\n" | sort -k 4');
  expect(stdout.split('\n')).toEqual([
    '755 0:0 d .',
    '1770 7:8 d ./srv',
    '775 0:0 d ./srv/app',
    '775 0:0 d ./srv/app/dir',
    '664 0:0 f ./srv/app/dir/private',
    '775 0:0 f ./srv/app/dir/tool',
    '777 0:0 l ./srv/app/link',
    '',
  ]);
  expect((await served.seen()).filter((line) => !line.includes('/srv/app'))).toEqual(['listing /srv']);
});

test('every file has the same time; the git index is 100 s younger', async () => {
  await using served = await serveDirectory({
    fill(repository) {
      fs.mkdirSync(`${repository}/.git`);
      for (const name of ['.git/index', '.git/HEAD', 'a']) fs.writeFileSync(`${repository}/${name}`, 'x');
    },
    view: {
      sources: [
        { path: '.git' as RepoPath, glob: false },
        { path: 'a' as RepoPath, glob: false },
      ],
    },
  });
  const { stdout } = await served.run('stat -c "%n %X %Y %Z" a .git .git/HEAD .git/index');
  expect(stdout).toBe(
    ['a', '.git', '.git/HEAD', '.git/index']
      .map((name) => `${name} ${`${name === '.git/index' ? 1_700_000_100 : 1_700_000_000} `.repeat(3).trim()}\n`)
      .join(''),
  );
});

test('in persistent mode files have their own times, and a stat counts as reading', async () => {
  await using served = await serveDirectory({
    mtime: 'persistent',
    fill(repository) {
      fs.mkdirSync(`${repository}/dir`);
      fs.writeFileSync(`${repository}/dir/a`, 'x');
      fs.writeFileSync(`${repository}/dir/b`, 'x');
    },
    shownMtimeNs: (path) => (path === 'dir/a' ? 1_600_000_000_123_456_789n : 1_650_000_000_000_000_000n),
  });
  const cwd = await served.overlay();
  const { stdout } = await served.run('stat -c "%n %.9Y" dir/a dir/b; test dir/a -nt dir/b; echo $?', { cwd });
  expect(stdout).toBe('dir/a 1600000000.123456789\ndir/b 1650000000.000000000\n1\n');
  expect(await served.seen()).toEqual([
    'attributes /dir/a',
    'attributes /dir/b',
    'content /dir/a',
    'content /dir/b',
    'entry /dir',
    'entry /dir/a',
    'entry /dir/b',
  ]);
  await served.run('ls -d dir && stat dir', { cwd });
  expect(await served.seen()).toEqual(['listing /dir']);
});

test('views and trees that come later, each its own', async () => {
  await using served = await serveDirectory({ fill: (repository) => fs.writeFileSync(`${repository}/a`, 'first') });
  expect((await served.run('cat ../1/b')).code).toBe(1);
  fs.mkdirSync(`${served.directory}/other`);
  fs.writeFileSync(`${served.directory}/other/b`, 'second');
  writeManifestOf(`${served.directory}/other`, `${served.directory}/other.manifest`, { immutable: () => true });
  const later = wholeRepository({ ordinal: 1, tree: 'clone:1', destination: '/x' as GuestPath });
  await expect(served.server.addView(later)).rejects.toThrow('there is no tree clone:1');
  await served.server.addTree('clone:1', `${served.directory}/other.manifest`);
  await served.server.addView(later);
  await expect(served.server.addView(later)).rejects.toThrow('already served');
  await served.server.cut();
  expect((await served.run('cat a ../1/x/b')).stdout).toBe('firstsecond');
  const { observations } = await served.server.cut();
  expect(observations.filter(({ kind }) => kind === 'content').map(({ view, path }) => `${view} ${path}`)).toEqual([
    '0 /a',
    '1 /x/b',
  ]);
});
