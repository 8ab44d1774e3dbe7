import { expect, test } from 'vitest';
import { withoutDone } from '../../src/action/done.ts';
import { compile } from '../../src/compile/compile.ts';
import { MemoryRepo } from '../support/memory-repo.ts';

const from = 'FROM vm/debian:12\n';
const files = {
  'base/Layerfile': `${from}WAIT /tools\nRUN base\n`,
  'tools/Layerfile': `${from}RUN tools\n`,
  'unit/Layerfile': `FROM /tools\nWAIT /lint\nRUN unit\n`,
  'lint/Layerfile': `${from}RUN lint\n`,
  Layerfile: 'FROM /base\nWAIT /unit /lint\nRUN deploy\n',
};

test.each([
  [[], ['lint', 'tools', 'unit', 'base', '']],
  [
    ['unit/Layerfile', '/lint/Layerfile', './tools/Layerfile'],
    ['base', ''],
  ],
  [
    ['unit/Layerfile', 'tools/Layerfile'],
    ['lint', 'base', ''],
  ],
  [['base/Layerfile'], ['lint', 'tools', 'unit', 'base', '']],
])('what other jobs have run is not waited for: %j', async (done, kept) => {
  const { plan } = await compile(new MemoryRepo(files), { only: ['Layerfile' as never] });
  if (plan === null) throw new Error('the Layerfiles are wrong');
  const left = withoutDone(plan, done);
  const directories = left.layers.map(({ path }) => path.replace(/\/?Layerfile$/, ''));
  expect(new Set(directories)).toEqual(new Set(kept));
  const ids = new Set(left.layers.map(({ id }) => id));
  const needed = left.layers.flatMap(({ base, steps }) => [
    ...(base.kind === 'layer' ? [base.id] : []),
    ...steps.flatMap((step) => (step.kind === 'wait' ? step.layers.map(({ id }) => id) : [])),
  ]);
  expect(needed.every((id) => ids.has(id))).toBe(true);
});
