import fs from 'node:fs';
import { expect, test } from 'vitest';
import { serveDirectory } from './served.ts';

function fill(repository: string): void {
  for (const directory of ['a', 'a/b', 'a/b/c', 'many']) fs.mkdirSync(`${repository}/${directory}`);
  for (let index = 0; index < 500; index++) fs.writeFileSync(`${repository}/many/${index}`, `file ${index}\n`);
  fs.writeFileSync(`${repository}/a/b/c/deep`, 'deep\n');
  fs.writeFileSync(`${repository}/a/big`, Buffer.alloc(3_000_001, 'x'));
  fs.writeFileSync(`${repository}/a/tool`, '#!/bin/sh\necho tool\n', { mode: 0o755 });
  fs.symlinkSync('../a/b/c', `${repository}/many/link`);
}

const work = `
  grep -r 'file 3' many | sort; find . -ls; ls -lR; cat many/link/deep; readlink many/link; wc -c a/big; sha1sum a/big; ./a/tool
  test -e none || test -r a/b/none || cat many/none; stat a/b many/7; tar -cf - . | wc -c; cp -r a /dev/shm/layer-fuse-copy; rm -r /dev/shm/layer-fuse-copy
  /usr/bin/python3 -I -c 'import os, mmap; m = mmap.mmap(os.open("a/big", 0), 0, prot=mmap.PROT_READ); print(sum(m[::4096])); print(os.listxattr("a/big"), os.access("a", os.W_OK))'
  dd if=a/big bs=1M skip=1 status=none | md5sum; df . > /dev/null; GIT_CEILING_DIRECTORIES=\${PWD%/*} git hash-object --no-filters a/big; (cd a/b && pwd -P && ls ..)
`;

test.each(['on the mount itself', 'below an overlay'])('whatever is done again asks for nothing: %s', async (where) => {
  await using served = await serveDirectory({ fill });
  const cwd = where === 'below an overlay' ? await served.overlay() : `${served.mount}/0`;
  const first = await served.run(work, { cwd });
  expect(first.stdout).toContain('many/345:file 345');
  const { requests } = await served.server.cut();
  expect(requests).toBeGreaterThan(1000);

  const second = await served.run(work.replace('df .', 'true'), { cwd });
  expect(second.stdout).toBe(first.stdout);
  expect(await served.server.cut()).toEqual({ observations: [], fault: null, doubt: null, requests: 0 });
});

test('statfs asks each time, and tells nothing', async () => {
  await using served = await serveDirectory({ fill });
  await served.run('true');
  await served.server.cut();
  const { stdout } = await served.run('stat -f -c "%s %l %a %d" .');
  expect(stdout).toBe('4096 255 0 0\n');
  expect(await served.seen()).toEqual([]);
});
