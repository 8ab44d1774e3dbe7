import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../../src/compile/compile.ts';
import type { Plan } from '../../../src/ir/ir.ts';
import { nodeHost } from '../../../src/node-host.ts';
import { debianBase } from '../../support/base-machine.ts';
import type { Status } from '../../support/workflow-executor/expressions.ts';
import type { WorkflowResult } from '../../support/workflow-executor/run-workflow.ts';
import { nativelyPrinted, outcomesOf, printedBy, type NativeEvent } from './native.ts';
import { Stage } from './stage.ts';

const root = fileURLToPath(new URL('../../../fixtures/run/', import.meta.url));

/** What a story needs before it can run at all. */
const settings: Readonly<
  Record<string, { readonly secrets?: Readonly<Record<string, string>>; prepare?(stage: Stage): void }>
> = {
  secrets: { secrets: { API_TOKEN: 'canary-3141592653' } },
  wait: { prepare: (stage) => stage.write('api/status', '4\n') },
  clone: {
    prepare(stage) {
      const library = stage.library({ used: 'one\n', unused: 'one\n', 'docs/text': 'text\n' });
      stage.edit('Layerfile', (text) => text.replaceAll('HERE/library', library));
    },
  },
};

/** Left out, each with its reason. */
const leftOut: Readonly<Record<string, string>> = {
  button: 'two jobs and a person: see executed.host.test.ts',
  memory: 'a job has all the memory of its runner',
};

/** Stories whose files differ from run to run. */
const withoutTree = new Set(['cache', 'verify']);

/** The last RUN of each Layerfile: what its working directory holds, in both worlds. */
const showTree = `RUN find . -xdev -printf '%P %y %m %u:%g %l\\n' | sort && find . -xdev -type f -exec sha256sum {} + | sort -k 2`;

describe('a workflow does what `layer run` does', () => {
  beforeAll(async () => void (await debianBase()));

  for (const name of readdirSync(root).sort()) {
    if (name in leftOut) continue;
    it(name, async () => {
      const stage = new Stage({ copyOf: join(root, name, 'repo') });
      const { secrets = {}, prepare } = settings[name] ?? {};
      prepare?.(stage);
      const plan = await planOf(stage);
      const parents = new Set(plan.layers.flatMap(({ base }) => (base.kind === 'layer' ? [base.id] : [])));
      for (const { id, path } of plan.layers) {
        if (!parents.has(id) && !withoutTree.has(name))
          stage.edit(path, (text) => `${text.replace(/\n?$/, '\n')}${showTree}\n`);
      }
      const compiled = await planOf(stage);
      const github = await stage.onGithub({ secrets });
      const native = stage.natively({ args: Object.keys(secrets).flatMap((one) => ['--secret', one]), env: secrets });
      compare({ plan: compiled, github, events: native.events });
    });
  }
});

async function planOf(stage: Stage): Promise<Plan> {
  const { plan } = await compile(nodeHost().repository(stage.repository));
  if (plan === null) throw new Error('the story does not compile');
  return plan;
}

/** failed ≙ failed, cancelled ≙ skipped, and what failed in a parent's own job natively fails the child's. */
function compare(one: { plan: Plan; github: WorkflowResult; events: readonly NativeEvent[] }): void {
  const { plan, github, events } = one;
  const native = outcomesOf(events);
  expect(Object.keys(github.jobs).length).toBeGreaterThan(0);
  for (const [id, { result, legs }] of Object.entries(github.jobs)) {
    const runners = Object.keys(native).filter((runner) => runner === id || runner.replace(/-\d+$/, '') === id);
    const failedAbove = native[id] === 'cancelled' && result === 'failure';
    const expected: Readonly<Record<string, Status>> = {
      succeeded: 'success',
      failed: 'failure',
      cancelled: failedAbove ? 'failure' : 'skipped',
    };
    expect({ id, result }).toEqual({ id, result: expected[worstOf(runners.map((runner) => native[runner] ?? ''))] });
    if (result === 'skipped') continue;
    for (const [index, leg] of legs.entries()) {
      const runner = index === 0 ? id : `${id}-${index + 1}`;
      expect({ runner, printed: printedBy(leg) }).toEqual({ runner, printed: nativelyPrinted(events, runner, plan) });
    }
  }
}

function worstOf(outcomes: readonly string[]): string {
  return ['failed', 'cancelled', 'succeeded'].find((one) => outcomes.includes(one)) ?? 'none';
}

it('leaves out no story without a reason', () => {
  for (const name of Object.keys(leftOut)) expect(readFileSync(join(root, name, 'steps.yml'), 'utf8')).not.toBe('');
});
