import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch } from '../../support/scratch.ts';

const processes = 4;
const rounds = 15;

it('lets several processes make one new database at the same instant', async () => {
  const directory = scratch();
  for (let round = 0; round < rounds; round++) {
    const openers = Array.from({ length: processes }, () =>
      fork(join(import.meta.dirname, 'open-at-once.ts'), [join(directory, `${round}.db`)]),
    );
    await Promise.all(openers.map((opener) => once(opener, 'message')));
    const ends = openers.map((opener) => once(opener, 'exit'));
    const atMs = Date.now() + 20;
    for (const opener of openers) opener.send(atMs);
    expect((await Promise.all(ends)).map(([code]) => code as number)).toEqual(openers.map(() => 0));
  }
});
