import { beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import type { RepoPath } from '../../src/host.ts';
import { findStep, type NamedStep, type StepIds } from '../../src/ir/find-step.ts';
import type { Plan } from '../../src/ir/ir.ts';
import { MemoryRepo } from '../support/memory-repo.ts';

const files = {
  Layerfile: 'FROM vm/debian:12\nCOPY . .\nCHECKPOINT ready\nRUN npm ci \\\n  --offline\nRUN npm test\n',
  'web/Layerfile': 'FROM ../Layerfile\nRUN npm test\nRUN make "all of it"\n',
  'many/Layerfile': 'FROM vm/debian:12\nRUN first\nSPLIT 3\nRUN part\n',
};
let plan: Plan;

beforeAll(async () => {
  const compiled = await compile(new MemoryRepo(files), { only: null });
  if (compiled.plan === null) throw new Error('the Layerfiles are fine');
  plan = compiled.plan;
});

const find = (typed: string, { here = '', ids = new Map() }: { here?: string; ids?: StepIds } = {}) =>
  findStep(plan, typed, { here: here as RepoPath, ids });
const shown = (typed: string, options: { here?: string; ids?: StepIds } = {}) => {
  const found = find(typed, options);
  if ('problem' in found) return found.problem;
  const copy = found.runner === null || found.runner.copy === null ? '' : ` #${found.runner.copy}`;
  return `${found.layer.path} ${found.step.title}${copy}`;
};

describe('a step is named', () => {
  it.each([
    ['Layerfile:2', 'Layerfile COPY . .'],
    ['Layerfile:5', 'Layerfile RUN npm ci --offline'],
    ['./web/Layerfile:3', 'web/Layerfile RUN make "all of it"'],
    ['/web/Layerfile:3', 'web/Layerfile RUN make "all of it"'],
  ])('by a line: %s', (typed, expected) => expect(shown(typed)).toBe(expected));

  it.each([
    ['web:2', 'web/Layerfile RUN make "all of it"'],
    ['.:4', 'Layerfile RUN npm test'],
    ['main-layerfile:1', 'Layerfile COPY . .'],
    ['many:3', 'many/Layerfile RUN part #0'],
    ['many-2:3', 'many/Layerfile RUN part #1'],
  ])('by its number in a directory or runner: %s', (typed, expected) => expect(shown(typed)).toBe(expected));

  it('from where the person is, else from the root', () => {
    expect(shown('Layerfile:2', { here: 'web' })).toBe('web/Layerfile RUN npm test');
    expect(shown('/Layerfile:2', { here: 'web' })).toBe('Layerfile COPY . .');
    expect(shown('web/Layerfile:2', { here: 'web' })).toBe('web/Layerfile RUN npm test');
  });

  it('by a checkpoint, by its whole text, by a part that no other has', () => {
    expect(shown('ready')).toBe('Layerfile CHECKPOINT ready');
    expect(shown('all of it')).toBe('web/Layerfile RUN make "all of it"');
    expect(shown('NPM CI')).toBe('Layerfile RUN npm ci --offline');
    expect(shown('RUN first')).toBe('many/Layerfile RUN first');
  });

  it('by the beginning of a result’s id', () => {
    const layer = plan.layers.find((one) => one.path === 'web/Layerfile');
    const step = layer?.steps[1];
    if (!layer || !step) throw new Error('there is such a step');
    const named: NamedStep = { layer, step, runner: null };
    const ids = new Map([
      ['e14e000000000000000000000000000a', named],
      ['e14f000000000000000000000000000b', named],
    ]);
    expect(shown('e14e', { ids })).toBe('web/Layerfile RUN make "all of it"');
    expect(shown('e14', { ids })).toMatch(/^no step is "e14"/);
  });
});

describe('what is named wrong', () => {
  it('lists the candidates where several fit', () => {
    expect(shown('npm test')).toBe(
      '"npm test" can be any of these; give the place:\n  Layerfile:6  RUN npm test\n  web/Layerfile:2  RUN npm test',
    );
  });

  it('names the nearest', () => {
    expect(shown('redy')).toBe('no step is "redy"; did you mean "ready"?');
    expect(shown('frist')).toBe('no step is "frist"; did you mean "RUN first"?');
    expect(shown('Layerfile:1')).toBe('no step stands at Layerfile:1; the nearest is Layerfile:2');
    expect(shown('web:9')).toBe('web/Layerfile has no step 9; its steps are 1 to 2');
  });

  it('says how steps are named where nothing is near', () => {
    expect(shown('something else altogether')).toMatch(/; give its place \(web\/Layerfile:5, or web:3 /);
    expect(shown('')).toMatch(/^no step is ""; give its place/);
  });
});
