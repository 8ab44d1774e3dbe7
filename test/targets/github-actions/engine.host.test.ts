import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { defaultOptions } from '../../../targets/index.ts';
import { debianBase, testBases } from '../../support/base-machine.ts';
import { startCacheService, type CacheService } from '../../support/cache-service.ts';
import type { OwnAction } from '../../support/workflow-executor/own-action.ts';
import type { WorkflowResult } from '../../support/workflow-executor/run-workflow.ts';
import { Stage } from './stage.ts';

const uses = './.github/actions/layer';
const program = join(fileURLToPath(new URL('../../..', import.meta.url)), 'dist/action.js');
const engine = { action: uses, runsOn: ['ubuntu-24.04'], selfHosted: false };
const options = { ...defaultOptions, github: { ...defaultOptions.github, engine } };

/** The built action, whose jobs share nothing but GitHub's cache. */
function actionOn(service: CacheService): OwnAction {
  const ref = 'refs/heads/main';
  return {
    uses,
    program,
    environment: () => ({ LAYER_BASES: testBases, ...service.environment({ reads: [ref], writes: ref }) }),
  };
}

function results({ jobs }: WorkflowResult): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(jobs).map(([id, { result }]) => [id, result]));
}

function logOf({ jobs }: WorkflowResult, id: string): string {
  return (jobs[id]?.legs ?? []).flatMap((leg) => leg.lines.map(({ text }) => text)).join('\n');
}

const stages = {
  'base/Layerfile': 'FROM vm/debian:12\nCOPY tools .\nRUN sleep 1; cat tool > /opt/tool; echo "made the tool"\n',
  'base/tools/tool': 'tool\n',
  'unit/Layerfile': 'FROM /base\nCOPY test .\nRUN cat /opt/tool test; echo "tested"\n',
  'unit/test': 'test\n',
  'copies/Layerfile': 'FROM /base\nSPLIT 2\nRUN echo "copy $SPLIT of $SPLIT_NUM"\n',
  Layerfile: `FROM /base
WAIT /unit
LABEL status=merge
RUN sleep 1; echo packed > /opt/package; echo "packed it"
SKIP REMAINING IF GIT_BRANCH=~^wip
BUTTON deploy?
RUN cat /opt/package; echo "deployed"
BUTTON announce?
RUN echo "announced"
`,
  'after/Layerfile': 'FROM vm/debian:12\nWAIT /\nRUN echo "afterwards"\n',
};
const reviewed = { reviewers: 1, decision: 'approve' as const };
const environments = { 'layer-main-layerfile': reviewed, 'layer-main-layerfile-2': reviewed };
const jobs = ['unit', 'copies', 'main-layerfile', 'after'];

describe('jobs that run the engine, with the built action', () => {
  beforeAll(async () => void (await debianBase()));

  it('wait, ask and go on as those of the translation do, and skip what an earlier job or run has done', async () => {
    await using service = await startCacheService();
    const stage = new Stage(stages);
    const ownAction = actionOn(service);
    const first = await stage.onGithub({ options, ownAction, environments });
    expect(
      results(first),
      Object.keys(first.jobs)
        .map((id) => logOf(first, id))
        .join('\n'),
    ).toEqual({
      unit: 'success',
      copies: 'success',
      'main-layerfile': 'success',
      'main-layerfile-guard': 'success',
      'main-layerfile-after-button': 'success',
      'main-layerfile-guard-2': 'success',
      'main-layerfile-after-button-2': 'success',
      'main-layerfile-merge': 'success',
      after: 'success',
    });
    const log = (id: string): readonly string[] => logOf(first, id).split('\n');
    expect(log('copies')).toEqual(expect.arrayContaining(['copy 0 of 2', 'copy 1 of 2']));
    expect(log('main-layerfile')).toContain('packed it');
    for (const line of ['tested', 'packed', 'deployed']) expect(log('main-layerfile')).not.toContain(line);
    expect(log('main-layerfile-after-button')).toEqual(expect.arrayContaining(['packed', 'deployed']));
    for (const line of ['packed it', 'announced']) expect(log('main-layerfile-after-button')).not.toContain(line);
    expect(log('main-layerfile-after-button-2')).toContain('announced');
    expect(log('after')).toContain('afterwards');
    expect(log('after')).not.toContain('announced');

    stage.write('unit/test', 'another test\n');
    const second = await stage.onGithub({ options, ownAction });
    const made = jobs.filter((id) => logOf(second, id).split('\n').includes('made the tool'));
    expect(made).toEqual([]);
    expect(logOf(second, 'unit').split('\n')).toContain('another test');
    expect(results(second)).toMatchObject({
      'main-layerfile': 'success',
      'main-layerfile-guard': 'failure',
      'main-layerfile-after-button': 'skipped',
      'main-layerfile-merge': 'failure',
      after: 'skipped',
    });
  });

  it('ends well without asking where the rest is skipped, and fails where a step does', async () => {
    await using service = await startCacheService();
    const stage = new Stage(stages);
    const ownAction = actionOn(service);
    const skipped = await stage.onGithub({ options, ownAction, branch: 'wip/x' });
    expect(results(skipped)).toMatchObject({
      'main-layerfile': 'success',
      'main-layerfile-guard': 'skipped',
      'main-layerfile-after-button': 'skipped',
      'main-layerfile-merge': 'success',
      after: 'success',
    });
    stage.edit('unit/Layerfile', (text) => `${text}RUN exit 3\n`);
    const failed = await stage.onGithub({ options, ownAction });
    expect(results(failed)).toMatchObject({
      unit: 'failure',
      copies: 'success',
      'main-layerfile': 'skipped',
      'main-layerfile-merge': 'failure',
      after: 'skipped',
    });
  });
});
