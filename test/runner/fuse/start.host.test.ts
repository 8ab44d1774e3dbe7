import fs from 'node:fs';
import { expect, test } from 'vitest';
import { serveDirectory } from './served.ts';

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
