import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import { argumentText, expandArgument, expandSource, staticText } from '../../src/ir/expand.ts';
import type { RepoPath } from '../../src/host.ts';
import type { LayerId, Plan, StepKind, StepOfKind } from '../../src/ir/ir.ts';
import { printPlan, printSpans } from '../../src/ir/print.ts';
import { copiesOf, runnersOf } from '../../src/ir/runners.ts';
import { layersTaking } from '../../src/ir/takes.ts';
import { subdomainOf } from '../../src/ir/subdomain.ts';
import { predefinedVariable, predefinedVariables } from '../../src/ir/variables.ts';
import { chainOf, guestPath, initialScope, memoryInForce, walk } from '../../src/ir/walk.ts';
import { type MemoryEntry, MemoryRepo } from '../support/memory-repo.ts';

async function planOf(entries: Readonly<Record<string, MemoryEntry>>): Promise<Plan> {
  const { plan, diagnostics } = await compile(new MemoryRepo(entries));
  if (plan === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return plan;
}

function steps<K extends StepKind>(plan: Plan, kind: K): readonly StepOfKind<K>[] {
  return plan.layers.flatMap((layer) => layer.steps).filter((step): step is StepOfKind<K> => step.kind === kind);
}

describe('walk', () => {
  it('knows what is in force at each step of a chain', async () => {
    const plan = await planOf({
      'base/Layerfile':
        'FROM vm/debian:12\nMEMORY 1G\nENV A=1\nWORKDIR app\nSECRET ENV TOKEN\nSETUP FILE env.sh\nRUN a\n',
      'web/Layerfile':
        'FROM /base\nWORKDIR ../web\nBUILD ENV A\nENV B=$(date)\nUSER www\nWORKDIR ~/x\nSPLIT 2\nWORKDIR /$GIT_BRANCH\nWORKDIR y\nRUN b\n',
    });
    const walked = walk(plan, 'web' as LayerId);
    expect(walked.map(({ layer, step }) => `${layer.id} ${step.title}`)).toHaveLength(15 - 1);
    const last = walked.at(-1)?.scope;
    expect(last?.variables.get('A')).toEqual({ origin: 'env', literal: '1' });
    expect(last?.variables.get('B')).toEqual({ origin: 'env', literal: null });
    expect(last?.variables.get('TOKEN')).toEqual({ origin: 'secret', literal: null });
    expect(last?.variables.get('SPLIT_NUM')).toEqual({ origin: 'split', literal: '2' });
    expect([...(last?.buildEnv ?? [])]).toEqual(['A']);
    expect([...(last?.secrets ?? [])]).toEqual(['TOKEN']);
    expect(last?.setupFiles.map(({ cwd }) => cwd)).toEqual(['/root/app']);
    expect(last?.split?.count).toBe(2);
    expect(walked.map(({ scope }) => scope.cwd)).toEqual([
      ...['/root', '/root', '/root/app', '/root/app', '/root/app'],
      ...['/root/app', '/root/web', '/root/web', '/root/web', '/root/web', null, null, null, null],
    ]);
    expect(walked.map(({ scope }) => scope.user).slice(-5)).toEqual(['www', 'www', 'www', 'www', 'www']);
    expect(chainOf(plan, 'web' as LayerId).map(({ id }) => id)).toEqual(['base', 'web']);
    expect(memoryInForce(plan, 'web' as LayerId)).toBe(1024 ** 3);
  });

  it('resolves paths of the machine', () => {
    expect(guestPath(initialScope, 'a/../b')).toBe('/root/b');
    expect(guestPath(initialScope, '/..//a/.')).toBe('/a');
    expect(guestPath(initialScope, '~')).toBe('/root');
    expect(guestPath(initialScope, '~x/y')).toBe('/root/~x/y');
    expect(guestPath({ ...initialScope, user: 'www' }, '~/a')).toBe(null);
    expect(guestPath({ ...initialScope, cwd: null }, 'a')).toBe(null);
    expect(guestPath({ ...initialScope, cwd: null }, '/a')).toBe('/a');
  });
});

describe('runnersOf', () => {
  it('numbers copies, children of a SPLIT too, and skips what is taken', async () => {
    const plan = await planOf({
      'a/Layerfile': 'FROM vm/debian:12\nSPLIT 3\n',
      'b/Layerfile': 'FROM /a\n',
      'c/Layerfile': 'FROM vm/debian:12\nLABEL display_name=a-2\n',
      'x/a/Layerfile': 'FROM vm/debian:12\nLABEL display_name=a\n',
    });
    expect(runnersOf(plan).map(({ id, copy }) => `${id} ${copy ?? '-'}`)).toEqual([
      ...['a 0', 'a-3 1', 'a-4 2', 'b 0', 'b-2 1', 'b-3 2', 'a-2 -', 'a-5 -'],
    ]);
    expect(copiesOf(plan, 'b' as LayerId)).toBe(3);
    expect(copiesOf(plan, 'a-2' as LayerId)).toBe(null);
  });
});

describe('expansion when a step runs', () => {
  it('fills variables in, and keeps them out of patterns', async () => {
    const plan = await planOf({
      Layerfile:
        'FROM vm/debian:12\nENV NONE=\nCOPY "[q]"$GIT_BRANCH*.ts $CI ./\nWORKDIR /x-${GIT_BRANCH}-y\nWORKDIR $NONE\n',
      '[q]x.ts': '',
    });
    const [copy] = steps(plan, 'copy');
    const [workdir, empty] = steps(plan, 'workdir');
    const [glob, plain] = copy?.sources ?? [];
    const environment: Readonly<Record<string, string>> = { GIT_BRANCH: 'a*b', CI: '*' };
    const lookUp = (name: string): string | null => environment[name] ?? null;
    if (glob === undefined || plain === undefined || workdir === undefined || empty === undefined)
      throw new Error('no steps');
    expect(expandSource(glob, lookUp)).toBe('\\[q\\]a\\*b*.ts');
    expect(expandSource(plain, lookUp)).toBe('*');
    expect(expandArgument(workdir.directory, lookUp)).toBe('/x-a*b-y');
    expect(expandArgument(workdir.directory, () => null)).toBe('/x--y');
    expect(staticText(workdir.directory)).toBe(null);
    expect(staticText(empty.directory)).toBe('');
    expect(argumentText(workdir.directory)).toBe('/x-${GIT_BRANCH}-y');
  });
});

describe('printPlan', () => {
  it('does not see comments, blanks and continuations', async () => {
    const terse = await planOf({ Layerfile: 'FROM vm/debian:12\nCOPY . .\nENV A=1 B=2\n' });
    const airy = await planOf({
      Layerfile: '# hello\n\n FROM   vm/debian:12\r\n\tCOPY . \\\n .  # all\nENV A=1   B=2',
    });
    expect(printPlan(airy)).toBe(printPlan(terse));
    expect(printSpans(airy)).toBe(
      '{ "main-layerfile": ["Layerfile:3:2-3:21", "Layerfile:4:2-5:3", "Layerfile:6:1-6:14"] }\n',
    );
    expect(JSON.parse(printPlan(terse))).toMatchObject({ layers: [{ id: 'main-layerfile' }] });
  });
});

describe('subdomainOf', () => {
  it.each([
    ['feat/add-some-dashboard-pages', 'add-some-dashboard-pages'],
    ['main', 'main'],
    ['Fix_Öl.2', 'fix--l-2'],
    ['a/-x-', 'x'],
    [`a/${'x'.repeat(62)}-y`, 'x'.repeat(62)],
    ['a/', ''],
    ['', ''],
  ])('%s → %s', (branch, expected) => {
    expect(subdomainOf(branch)).toBe(expected);
  });
});

describe('predefined variables', () => {
  it('are named once each, and say what may name them', () => {
    expect(new Set(predefinedVariables.map(({ name }) => name)).size).toBe(predefinedVariables.length);
    expect(predefinedVariable('EXPOSE_WEBSITE_HOST')?.buildEnv).toBe(false);
    expect(predefinedVariable('GIT_CLONE_USER')?.set).toBe('secret');
    expect(predefinedVariable('PATH')).toBe(null);
  });
});

describe('layersTaking', () => {
  it('names the layers that a change may concern', async () => {
    const plan = await planOf({
      'base/Layerfile': 'FROM vm/debian:12\nCOPY /lib/*.ts ./\n',
      'web/Layerfile': 'FROM /base\nCOPY . .\nCOPY /$GIT_BRANCH/x .\n',
      'api/Layerfile': 'FROM vm/debian:12\nCOPY / .\n',
      'lib/a.ts': '',
    });
    const taking = (path: string): readonly string[] => layersTaking(plan, path as RepoPath, () => 'main');
    expect(taking('lib/a.ts')).toEqual(['api', 'base', 'web']);
    expect(taking('lib/a/b')).toEqual(['api']);
    expect(taking('web/new')).toEqual(['api', 'web']);
    expect(taking('main/x/y')).toEqual(['api', 'web']);
    expect(taking('base/Layerfile')).toEqual(['api', 'base', 'web']);
    expect(taking('.git/HEAD')).toEqual([]);
    expect(taking('.layer/config.json')).toEqual([]);
  });
});
