import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStore } from '../../src/world/open-store.ts';
import { scratch } from '../support/scratch.ts';

it('a store where no directory can be made is named, with what would help', () => {
  expect(openStore('/proc/nowhere/store')).toEqual({
    failure: expect.stringMatching(
      /^the store \/proc\/nowhere\/store cannot be used: .*; give another place with --store$/,
    ),
  });
});

it('whatever lies where a directory of the store should be is named', () => {
  const root = scratch({
    file: '',
    loop: { link: 'loop' },
    nowhere: { link: 'not/there' },
    'one/blobs': '',
    'two/mirrors': { link: 'mirrors' },
    'three/bases': { link: '../file' },
  });
  for (const name of ['file', 'loop', 'nowhere', 'one/blobs', 'two/mirrors', 'three/bases']) {
    const path = join(root, name);
    expect(openStore(name.includes('/') ? join(path, '..') : path)).toEqual({
      failure: `${path} is no directory; move it away, or give another place with --store`,
    });
  }
});
