import { execFileSync } from 'node:child_process';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { refusal } from '../../src/world/refusal.ts';
import { scratch } from '../support/scratch.ts';

function refused(call: () => void): string {
  try {
    call();
  } catch (problem) {
    return refusal(problem as Error);
  }
  throw new Error('nothing was refused');
}

it('says what was refused, why, and what to do', () => {
  const root = scratch({ file: '', loop: { link: 'loop' }, 'directory/': '' });
  const read = (name: string) => () => void readFileSync(join(root, name));
  expect(refused(read('file/below'))).toBe(
    `${root}/file/below: a part of this path is no directory (ENOTDIR, open); move what is there away`,
  );
  expect(refused(read('loop'))).toBe(`${root}/loop: its links lead in a circle (ELOOP, open); remove the link`);
  expect(refused(read('directory'))).toBe('it is a directory (EISDIR, read); move that away');
  expect(refused(() => void execFileSync('no-such-program'))).toBe(
    'no-such-program cannot be started; install it, or look at PATH',
  );
  expect(refused(() => renameSync(join(root, 'file'), join(root, 'directory')))).toBe(
    `${root}/directory: it is a directory (EISDIR, rename); move that away`,
  );
});

it('leaves what it does not know as the system says it', () => {
  expect(refusal(Object.assign(new Error('EXDEV: cross-device link'), { code: 'EXDEV' }))).toBe(
    'EXDEV: cross-device link',
  );
});
