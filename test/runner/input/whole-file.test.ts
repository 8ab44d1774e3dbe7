import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { keepWhole } from '../../../src/runner/input/whole-file.ts';
import { scratch } from '../../support/scratch.ts';

it('takes the place of whatever is there, and leaves nothing else behind', () => {
  const root = scratch({ file: 'old', link: { link: 'target' }, 'directory/in': 'old', target: 'not its own' });
  for (const name of ['file', 'link', 'directory', 'new/below']) {
    keepWhole(join(root, name), `now ${name}`);
    expect(readFileSync(join(root, name), 'utf8')).toBe(`now ${name}`);
    expect(statSync(join(root, name)).mode & 0o777).toBe(0o600);
  }
  expect(readFileSync(join(root, 'target'), 'utf8')).toBe('not its own');
  expect(readdirSync(root).sort()).toEqual(['directory', 'file', 'link', 'new', 'target']);
});

it('keeps nothing where there can be none', () => {
  const root = scratch({ file: 'as it was', loop: { link: 'loop' }, nowhere: { link: 'not/there' } });
  for (const name of ['file/below', 'loop/below', 'nowhere/below', `${'long'.repeat(100)}/below`]) {
    keepWhole(join(root, name), 'x');
    expect(existsSync(join(root, name))).toBe(false);
  }
  expect(readdirSync(root).sort()).toEqual(['file', 'loop', 'nowhere']);
});
