import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorkshop, type Workshop } from '../support/workshop.ts';

interface Verified {
  readonly wrong: number;
  readonly steps: readonly {
    readonly step: { readonly title: string; readonly file: string };
    readonly kind: 'compared' | 'fails' | 'unverified';
    readonly why?: string;
    readonly differences?: readonly { readonly path: string; readonly kind: 'finding' | 'chance' }[];
  }[];
}

/** Makes what it is told of, but only where that is newer. */
const make =
  'mkdir -p /obj; for f in a b; do [ /w/$f -nt /obj/$f ] && cp /w/$f /obj/$f && echo "$GIT_BRANCH" > /obj/branch; done; cat /obj/* > /all';

const layerfiles = {
  repeatable: ['COPY . /w', `RUN REPEATABLE ${make}`],
  'repeatable-that-grows': ['COPY . /w', 'RUN REPEATABLE cat /w/a >> /log'],
  background: [
    'COPY . /w',
    'RUN BACKGROUND exec python3 -m http.server 8123 --directory /w 2> /dev/null',
    'RUN curl -s --retry 60 --retry-connrefused --retry-delay 1 localhost:8123/a > /got; echo "$GIT_BRANCH" > /branch',
  ],
  cache: ['COPY . /w', 'CACHE /cached', 'RUN cp /w/a /got; date +%N >> /cached/times; echo "$GIT_BRANCH" > /branch'],
  clone: ['CLONE file://ELSEWHERE /c', 'RUN cat /c/a > /got; echo "$GIT_BRANCH" > /branch'],
} as const;

describe('layer verify', () => {
  let workshop: Workshop;
  let onMain: Verified;
  let onOther: Verified;
  const verify = async (branch: string): Promise<Verified> => {
    const { stdout, stderr, status } = await workshop.layer(['verify', '--json', `--env=GIT_BRANCH=${branch}`]);
    expect(status, stderr).toBe(1);
    return JSON.parse(stdout) as Verified;
  };
  const stepsOf = (name: string, { steps }: Verified): Verified['steps'] =>
    steps.filter(({ step }) => step.file === `${name}/Layerfile` && !step.title.startsWith('RUN BACKGROUND'));

  beforeAll(async () => {
    workshop = openWorkshop();
    const elsewhere = join(workshop.directory, 'elsewhere');
    execFileSync('bash', [
      '-ec',
      'git init -q -b main "$1"; cd "$1"; echo other > a; git add a; git -c user.name=a -c user.email=a@b commit -qm one',
      'bash',
      elsewhere,
    ]);
    for (const [name, lines] of Object.entries(layerfiles)) {
      const text = ['FROM vm/debian:12', ...lines, ''].join('\n').replace('ELSEWHERE', elsewhere);
      workshop.put({ [`${name}/Layerfile`]: text, [`${name}/a`]: 'a\n', [`${name}/b`]: 'b\n' });
    }
    const branch = ['--env=GIT_BRANCH=main'];
    expect((await workshop.run({ args: branch })).outcome).toBe('passed');
    workshop.put({ 'repeatable/b': 'edited\n' });
    expect((await workshop.run({ args: branch })).outcome).toBe('passed');
    onMain = await verify('main');
    onOther = await verify('other');
  });
  afterAll(() => workshop[Symbol.dispose]());

  it.each(['repeatable', 'background', 'cache', 'clone'])('proves skips right: %s', (name) => {
    const steps = stepsOf(name, onMain);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps).toEqual(steps.map((one) => ({ ...one, kind: 'compared', differences: [] })));
  });

  it.each([
    ['background', ['finding /branch']],
    ['cache', ['finding /branch']],
    ['clone', ['finding /branch']],
    // Nothing is newer than what was made of it, so that nothing is made.
    ['repeatable', []],
  ])('shows the file that proves one wrong: %s', (name, expected) => {
    const found = stepsOf(name, onOther).flatMap(({ differences = [] }) => differences);
    expect(found.map(({ path, kind }) => `${kind} ${path}`)).toEqual(expected);
  });

  it('finds a RUN REPEATABLE that leaves something else each time', () => {
    const [step] = stepsOf('repeatable-that-grows', onMain);
    expect(step?.differences).toMatchObject([{ path: '/log', kind: 'finding' }]);
    expect(onMain.wrong).toBe(1);
  });

  it('leaves everything in the store as it was', async () => {
    const { runners } = await workshop.run({ args: ['--env=GIT_BRANCH=main'] });
    expect([...runners.values()].flatMap(({ ran }) => ran)).toEqual([]);
  });
});
