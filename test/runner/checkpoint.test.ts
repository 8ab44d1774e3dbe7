import { expect, test } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import { chainOf } from '../../src/runner/chain.ts';
import { isWorking } from '../../src/runner/instruction.ts';
import { isRenewedAfter, wantsSnapshot } from '../../src/runner/checkpoint.ts';
import { MemoryRepo } from '../support/memory-repo.ts';

/** For each step of the last Layerfile's chain: whether its state becomes a snapshot. */
async function snapshots(
  files: Record<string, string>,
  { cheap, sinceLastMs }: { cheap: boolean; sinceLastMs: number },
): Promise<string[]> {
  const { plan } = await compile(new MemoryRepo(files));
  if (!plan) throw new Error('no plan');
  const chain = chainOf(plan, plan.layers.at(-1)?.id ?? ('' as never));
  return chain.steps
    .filter(({ step, index }) => step.kind === 'run' && wantsSnapshot({ chain, index, cheap, sinceLastMs }))
    .map(({ step }) => step.title.replace('RUN ', ''));
}

const Layerfile = `FROM vm/debian:12
RUN one
RUN two
CHECKPOINT
RUN three
RUN REPEATABLE four
CHECKPOINT disabled
RUN five
RUN six
SPLIT 2
RUN seven
BUTTON go on?
RUN eight
RUN nine
`;

test('where it is cheap, each state does, but where CHECKPOINT disabled stands', async () => {
  expect(await snapshots({ Layerfile }, { cheap: true, sinceLastMs: 0 })).toEqual([
    'one',
    'two',
    'three',
    'REPEATABLE four',
    'six',
    'seven',
    'nine',
  ]);
});

test('where it costs, those that must do', async () => {
  const least = ['two', 'three', 'REPEATABLE four', 'six', 'seven', 'nine'];
  expect(await snapshots({ Layerfile }, { cheap: false, sinceLastMs: 0 })).toEqual(least);
  expect(await snapshots({ Layerfile }, { cheap: false, sinceLastMs: 20_000 })).toEqual(['one', ...least]);
});

test('where it costs little, what was copied for a RUN does too', async () => {
  const { plan } = await compile(
    new MemoryRepo({ Layerfile: 'FROM vm/debian:12\nRUN one\nCOPY . /a\nWORKDIR /a\nRUN two\nENV A=b\nRUN three\n' }),
  );
  if (!plan) throw new Error('no plan');
  const chain = chainOf(plan, plan.layers.at(-1)?.id ?? ('' as never));
  const wanted = chain.steps.filter(({ index }) =>
    wantsSnapshot({ chain, index, cheap: false, sinceLastMs: 0, worthMs: 2000 }),
  );
  expect(wanted.map(({ step }) => step.title)).toEqual(['WORKDIR /a', 'RUN three']);
});

test('each Layerfile of a chain ends with one', async () => {
  const files = {
    'a/Layerfile': 'FROM vm/debian:12\nRUN one\nRUN two\n',
    'b/Layerfile': 'FROM ../a\nRUN three\nRUN four\n',
  };
  expect(await snapshots(files, { cheap: false, sinceLastMs: 0 })).toEqual(['two', 'four']);
});

test.each([
  ['RUN one\nENV A=b\nWAIT other\nLABEL status=hidden\nWAIT other\nRUN two\nCACHE /kept', ['ENV A=b']],
  ['RUN one\nCHECKPOINT disabled\nWAIT other\nCACHE /kept', ['RUN one']],
  ['CACHE /kept\nRUN one\nWAIT other\nRUN two', []],
  ['RUN one\nCACHE /kept\nWAIT other', []],
  ['RUN one\nRUN two\nCACHE /kept', []],
])(
  'before a WAIT that a CACHE comes after, a machine gives way to one that knows what was saved meanwhile',
  async (steps, expected) => {
    const files = { Layerfile: `FROM vm/debian:12\n${steps}\n`, 'other/Layerfile': 'FROM vm/debian:12\nRUN other\n' };
    const { plan, diagnostics } = await compile(new MemoryRepo(files));
    if (!plan) throw new Error(JSON.stringify(diagnostics.map(({ message }) => message)));
    const layer = plan.layers.find(({ steps: own }) => own.length > 1);
    const chain = chainOf(plan, layer?.id ?? ('' as never));
    const renewed = chain.steps.filter((one) => isWorking(one.step) && isRenewedAfter(one, chain));
    expect(renewed.map(({ step }) => step.title)).toEqual(expected);
  },
);
