import { expect, test } from 'vitest';
import { modulesFor, readModules } from '../../../../src/runner/drivers/vm/kernel.ts';
import { scratch } from '../../../support/scratch.ts';

test('modules come after what they need, each once; what is built in is left out', async () => {
  const modules = scratch({
    'modules.dep': [
      'kernel/net/top-level.ko: kernel/net/middle.ko.xz kernel/lib/low.ko',
      'kernel/net/middle.ko.xz: kernel/lib/low.ko',
      'kernel/lib/low.ko:',
      'kernel/lib/other.ko:',
      '',
    ].join('\n'),
  });
  const kernel = { release: '6', version: 'x', image: '/nonesuch', modules };
  expect(modulesFor(await readModules(kernel), ['other', 'top_level', 'ext4', 'middle'])).toEqual([
    'kernel/lib/other.ko',
    'kernel/lib/low.ko',
    'kernel/net/middle.ko.xz',
    'kernel/net/top-level.ko',
  ]);
});
