import { expect, test } from 'vitest';
import { pressProblems } from '../../../src/cli/run/press-problems.ts';
import { compile } from '../../../src/compile/compile.ts';
import { MemoryRepo } from '../../support/memory-repo.ts';

async function problems(files: Readonly<Record<string, string>>, ...given: readonly string[]) {
  const { plan } = await compile(new MemoryRepo(files));
  if (plan === null) throw new Error('no plan');
  return pressProblems(
    plan,
    plan.layers.filter(({ own }) => own),
    given,
  );
}

const button = 'FROM vm/debian:12\nRUN true\nBUTTON release to production?\nRUN true\n';

test('a press that a BUTTON waits for is no problem', async () => {
  expect(await problems({ Layerfile: button }, 'release to production?', '1')).toEqual([]);
  const twice = { Layerfile: 'FROM vm/debian:12\nSPLIT 2\nRUN true\nBUTTON go?\nRUN true\n' };
  expect(await problems(twice, '2')).toEqual([]);
});

test('one that nothing waits for is named, with what there is', async () => {
  const one = 'there is one BUTTON: release to production?';
  expect(await problems({ Layerfile: button }, '3', 'deploy', 'release to prduction?')).toEqual([
    `--press 3: ${one}`,
    `--press deploy: ${one}`,
    `--press release to prduction?: ${one}; did you mean “release to production?”?`,
  ]);
  expect(await problems({ Layerfile: 'FROM vm/debian:12\nRUN true\n' }, '1')).toEqual([
    '--press 1: there is no BUTTON in what runs',
  ]);
});
