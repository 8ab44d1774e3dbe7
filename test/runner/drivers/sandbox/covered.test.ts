import { expect, test } from 'vitest';
import type { GuestPath } from '../../../../src/host.ts';
import { coveredDirectories, type Lower } from '../../../../src/runner/drivers/sandbox/covered.ts';
import type { ViewSpec } from '../../../../src/runner/view/view.ts';
import { scratch } from '../../../support/scratch.ts';

function view(ordinal: number, destination: string): Lower {
  const spec: Pick<ViewSpec, 'ordinal' | 'destination'> = { ordinal, destination: destination as GuestPath };
  return { directory: '/nonexistent', kind: 'view', view: spec as ViewSpec };
}

const layer = (entries: Parameters<typeof scratch>[0]): Lower => ({ directory: scratch(entries), kind: 'layer' });

test('a directory that a layer over the view holds is found, at every depth that views have', async () => {
  const lowers = [view(0, '/w'), layer({ 'w/a/b/file': '', 'w/own/': '', 'elsewhere/': '' })];
  const inView = new Set(['/w', '/w/a', '/w/a/b']);
  const covered = await coveredDirectories(lowers, async (paths) => paths.map((path) => (inView.has(path) ? 0 : null)));
  expect(covered).toEqual(['/w', '/w/a', '/w/a/b']);
});

test('where a layer holds a file or a link on the way to a destination, it holds no directory there', async () => {
  const lowers = [
    view(0, '/w'),
    layer({ 'w/d': 'a file' }),
    layer({ 'w/d': { link: '/etc' } }),
    view(1, '/w/d/apt'),
    layer({ 'w/d/apt/made': '' }),
  ];
  const covered = await coveredDirectories(lowers, async (paths) => paths.map((path) => (path === '/w/d' ? null : 1)));
  expect(covered).toContain('/w/d/apt');
});
