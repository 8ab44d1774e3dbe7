import { chmodSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lookIn } from '../../../../src/runner/drivers/sandbox/look-in.ts';
import { scratch } from '../../../support/scratch.ts';

function layer(): string {
  const root = scratch({ 'dir/below/': '', 'dir/file': '', link: { link: '/etc' }, 'dir/near': { link: 'below' } });
  chmodSync(`${root}/dir/below`, 0o1711);
  return root;
}

test('a directory is told with its attributes', () => {
  const root = layer();
  expect(lookIn(root, '/dir/below')).toMatchObject({ kind: 'directory', attributes: { mode: 0o1711 } });
  expect(lookIn(root, '').kind).toBe('directory');
  expect(lookIn(root, '/').kind).toBe('directory');
});

test.each(['/none', '/dir/none/below', '/none/below', `/dir/${'long'.repeat(100)}/x`])('nothing is at %s', (path) => {
  expect(lookIn(layer(), path)).toEqual({ kind: 'absent' });
});

test.each(['/dir/file', '/dir/file/below/x', '/link', '/link/apt', '/dir/near', '/dir/near/x'])(
  'a file or a link hides what other layers have at %s; no link leads out of the layer',
  (path) => {
    expect(lookIn(layer(), path)).toEqual({ kind: 'hidden' });
  },
);
